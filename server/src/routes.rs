//! The whole URL table of the console port: which address is which operation, and who may call it.
//!
//! Each line: the permission, the handler, and its method and address as its annotation has them (a test
//! keeps the comment true). Handlers ask for the permission in their first line; here it goes into the
//! document. Phones are served on their own ports, see `device/`.

use axum::Router;
use domain::Permission as P;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::http::document::{base, needs, pages, public};
use crate::http::{
    ApiState, accounts, actions, audit, auth, client_fields, client_files, client_layers, clients,
    configuration, copies, dashboard, device_models, diagnosis, events, files, finish, firmware, groups,
    health, jobs, notifications, parameters, plans, prepared, scans, second_factor, sessions, settings,
    storage_providers, template_files, templates, tokens, uploads,
};

/// Prefix of the operations of the first version.
const V1: &str = "/api/v1";

/// Everything that is answered on the console port.
pub fn router(app: App) -> Router {
    let (router, document) = table().split_for_parts();
    finish(router.merge(pages(document)), ApiState::new(app))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    table().into_openapi()
}

fn table() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(base())
        .routes(public(routes!(health::get_health))) // GET /healthz
        .routes(public(routes!(health::get_readiness))) // GET /readyz
        .nest(V1, v1())
}

#[rustfmt::skip] // one line per operation
fn v1() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        // signing in, and what concerns only oneself
        .routes(public(routes!(auth::sign_in))) // POST /api/v1/auth/sign-in
        .routes(public(routes!(auth::complete_sign_in))) // POST /api/v1/auth/sign-in/second-factor
        .routes(public(routes!(auth::create_token_pair))) // POST /api/v1/auth/token
        .routes(public(routes!(auth::get_password_rules))) // GET /api/v1/auth/password-rules
        .routes(needs(P::Own, routes!(auth::sign_out))) // POST /api/v1/auth/sign-out
        .routes(needs(P::Own, routes!(auth::get_own_session))) // GET /api/v1/auth/session
        .routes(needs(P::Own, routes!(auth::update_own_password))) // PUT /api/v1/auth/password
        .routes(needs(P::Own, routes!(auth::update_own_details))) // PUT /api/v1/auth/details
        .routes(needs(P::Own, routes!(auth::confirm_session))) // POST /api/v1/auth/confirm
        .routes(needs(P::Own, routes!(second_factor::get_second_factor))) // GET /api/v1/auth/second-factor
        .routes(needs(P::Own, routes!(second_factor::begin_second_factor))) // POST /api/v1/auth/second-factor
        .routes(needs(P::Own, routes!(second_factor::activate_second_factor))) // POST /api/v1/auth/second-factor/activate
        .routes(needs(P::Own, routes!(second_factor::renew_recovery_codes))) // POST /api/v1/auth/second-factor/recovery-codes
        .routes(needs(P::Own, routes!(second_factor::delete_second_factor))) // DELETE /api/v1/auth/second-factor
        .routes(needs(P::Own, routes!(sessions::list_sessions))) // GET /api/v1/sessions
        .routes(needs(P::Own, routes!(sessions::delete_sessions))) // DELETE /api/v1/sessions
        .routes(needs(P::Own, routes!(sessions::delete_session))) // DELETE /api/v1/sessions/{id}
        .routes(needs(P::Own, routes!(tokens::list_tokens))) // GET /api/v1/tokens
        .routes(needs(P::Own, routes!(tokens::create_token))) // POST /api/v1/tokens
        .routes(needs(P::Own, routes!(tokens::get_token))) // GET /api/v1/tokens/{id}
        .routes(needs(P::Own, routes!(tokens::delete_token))) // DELETE /api/v1/tokens/{id}
        // clients
        .routes(needs(P::ReadClients, routes!(dashboard::get_dashboard))) // GET /api/v1/dashboard
        .routes(needs(P::Own, routes!(events::listen_to_events))) // GET /api/v1/events
        .routes(needs(P::ReadClients, routes!(clients::list_clients))) // GET /api/v1/clients
        .routes(needs(P::ReadClients, routes!(clients::export_clients))) // GET /api/v1/clients/export
        .routes(needs(P::ReadClients, routes!(clients::get_client))) // GET /api/v1/clients/{id}
        .routes(needs(P::ChangeClients, routes!(clients::delete_client))) // DELETE /api/v1/clients/{id}
        .routes(needs(P::ReadClients, routes!(clients::list_client_items))) // GET /api/v1/clients/{id}/items
        .routes(needs(P::ChangeClients, routes!(clients::refresh_client))) // POST /api/v1/clients/{id}/refresh
        .routes(needs(P::ChangeClients, routes!(actions::create_client_action))) // POST /api/v1/clients/actions
        .routes(needs(P::ChangeClients, routes!(prepared::create_client))) // POST /api/v1/clients
        .routes(needs(P::ChangeClients, routes!(prepared::update_client))) // PATCH /api/v1/clients/{id}
        .routes(needs(P::ChangeClients, routes!(prepared::approve_client))) // POST /api/v1/clients/{id}/approve
        .routes(needs(P::ChangeClients, routes!(prepared::release_client))) // POST /api/v1/clients/{id}/release
        .routes(needs(P::ChangeClients, routes!(copies::copy_client))) // POST /api/v1/clients/{id}/copy
        .routes(needs(P::ChangeTemplates, routes!(copies::generate_template))) // POST /api/v1/clients/{id}/template
        .routes(needs(P::ReadClients, routes!(configuration::list_client_configuration))) // GET /api/v1/clients/{id}/configuration
        .routes(needs(P::ReadClients, routes!(configuration::list_client_revisions))) // GET /api/v1/clients/{id}/revisions
        .routes(needs(P::ReadClients, routes!(configuration::get_client_revision))) // GET /api/v1/clients/{id}/revisions/{number}
        .routes(needs(P::ChangeClients, routes!(plans::create_plan))) // POST /api/v1/plans
        .routes(needs(P::ReadClients, routes!(plans::get_plan))) // GET /api/v1/plans/{id}
        .routes(needs(P::ReadClients, routes!(plans::list_plan_targets))) // GET /api/v1/plans/{id}/targets
        .routes(needs(P::ChangeClients, routes!(plans::apply_plan))) // POST /api/v1/plans/{id}/apply
        .routes(needs(P::ChangeClients, routes!(plans::delete_plan))) // DELETE /api/v1/plans/{id}
        .routes(needs(P::ReadClients, routes!(device_models::list_device_models))) // GET /api/v1/device-models
        .routes(needs(P::ReadClients, routes!(device_models::get_device_model))) // GET /api/v1/device-models/{name}
        .routes(needs(P::ReadClients, routes!(scans::list_scans))) // GET /api/v1/scans
        .routes(needs(P::ChangeClients, routes!(scans::create_scan))) // POST /api/v1/scans
        .routes(needs(P::ReadClients, routes!(scans::get_scan))) // GET /api/v1/scans/{id}
        .routes(needs(P::ReadClients, routes!(scans::list_scan_findings))) // GET /api/v1/scans/{id}/findings
        .routes(needs(P::ChangeClients, routes!(scans::stop_scan))) // POST /api/v1/scans/{id}/stop
        // storage providers
        .routes(needs(P::ReadClients, routes!(storage_providers::list_storage_providers))) // GET /api/v1/storage-providers
        .routes(needs(P::ChangeStorage, routes!(storage_providers::create_storage_provider))) // POST /api/v1/storage-providers
        .routes(needs(P::ReadClients, routes!(storage_providers::export_storage_providers))) // GET /api/v1/storage-providers/export
        .routes(needs(P::ChangeStorage, routes!(storage_providers::delete_storage_providers))) // POST /api/v1/storage-providers/delete
        .routes(needs(P::ChangeStorage, routes!(storage_providers::try_storage_provider))) // POST /api/v1/storage-providers/check
        .routes(needs(P::ReadClients, routes!(storage_providers::get_storage_provider))) // GET /api/v1/storage-providers/{id}
        .routes(needs(P::ChangeStorage, routes!(storage_providers::update_storage_provider))) // PATCH /api/v1/storage-providers/{id}
        .routes(needs(P::ChangeStorage, routes!(storage_providers::delete_storage_provider))) // DELETE /api/v1/storage-providers/{id}
        .routes(needs(P::ChangeStorage, routes!(storage_providers::check_storage_provider))) // POST /api/v1/storage-providers/{id}/check
        .routes(needs(P::ChangeStorage, routes!(storage_providers::scan_storage_provider))) // POST /api/v1/storage-providers/{id}/scan
        .routes(needs(P::ChangeStorage, routes!(storage_providers::stop_storage_provider_scan))) // POST /api/v1/storage-providers/{id}/scan/stop
        // templates
        .routes(needs(P::ReadClients, routes!(templates::list_templates))) // GET /api/v1/templates
        .routes(needs(P::ChangeTemplates, routes!(templates::create_template))) // POST /api/v1/templates
        .routes(needs(P::ReadClients, routes!(templates::get_template))) // GET /api/v1/templates/{id}
        .routes(needs(P::ChangeTemplates, routes!(templates::update_template))) // PATCH /api/v1/templates/{id}
        .routes(needs(P::ChangeTemplates, routes!(templates::delete_template))) // DELETE /api/v1/templates/{id}
        .routes(needs(P::ChangeTemplates, routes!(templates::copy_template))) // POST /api/v1/templates/{id}/copy
        .routes(needs(P::ReadClients, routes!(templates::list_template_configuration))) // GET /api/v1/templates/{id}/configuration
        .routes(needs(P::ReadClients, routes!(templates::export_template))) // GET /api/v1/templates/{id}/export
        .routes(needs(P::ChangeTemplates, routes!(templates::import_template))) // POST /api/v1/templates/import
        .routes(needs(P::ChangeTemplates, routes!(templates::delete_templates))) // POST /api/v1/templates/delete
        .routes(needs(P::ReadClients, routes!(templates::list_template_starters))) // GET /api/v1/template-starters
        .routes(needs(P::ReadClients, routes!(client_layers::list_client_layers))) // GET /api/v1/clients/{id}/layers
        .routes(needs(P::ReadClients, routes!(template_files::list_template_files))) // GET /api/v1/templates/{id}/files
        .routes(needs(P::ChangeTemplates, routes!(template_files::replace_template_files))) // PUT /api/v1/templates/{id}/files
        // firmware, and files of clients
        .routes(needs(P::ReadClients, routes!(firmware::get_firmware))) // GET /api/v1/firmware
        .routes(needs(P::ChangeClients, routes!(firmware::plan_firmware))) // POST /api/v1/firmware/plan
        .routes(needs(P::ReadClients, routes!(client_files::list_client_files))) // GET /api/v1/clients/{id}/files
        // groups, and the fields clients can have
        .routes(needs(P::ReadClients, routes!(groups::list_groups))) // GET /api/v1/groups
        .routes(needs(P::ChangeTemplates, routes!(groups::create_group))) // POST /api/v1/groups
        .routes(needs(P::ReadClients, routes!(groups::get_group))) // GET /api/v1/groups/{id}
        .routes(needs(P::ChangeTemplates, routes!(groups::update_group))) // PATCH /api/v1/groups/{id}
        .routes(needs(P::ChangeTemplates, routes!(groups::delete_group))) // DELETE /api/v1/groups/{id}
        .routes(needs(P::ReadClients, routes!(groups::preview_group))) // POST /api/v1/groups/preview
        .routes(needs(P::ChangeTemplates, routes!(groups::delete_groups))) // POST /api/v1/groups/delete
        .routes(needs(P::ReadClients, routes!(client_fields::list_client_fields))) // GET /api/v1/client-fields
        .routes(needs(P::ChangeTemplates, routes!(client_fields::create_client_field))) // POST /api/v1/client-fields
        .routes(needs(P::ChangeTemplates, routes!(client_fields::update_client_field))) // PATCH /api/v1/client-fields/{name}
        .routes(needs(P::ChangeTemplates, routes!(client_fields::delete_client_field))) // DELETE /api/v1/client-fields/{name}
        .routes(needs(P::ChangeClients, routes!(client_fields::set_client_fields))) // PUT /api/v1/clients/{id}/fields
        // files, and uploads of them in pieces
        .routes(needs(P::ReadClients, routes!(files::list_files))) // GET /api/v1/files
        .routes(needs(P::ReadClients, routes!(files::export_files))) // GET /api/v1/files/export
        .routes(needs(P::ChangeFiles, routes!(files::create_file))) // POST /api/v1/files
        .routes(needs(P::ReadClients, routes!(files::get_file))) // GET /api/v1/files/{id}
        .routes(needs(P::ChangeFiles, routes!(files::update_file))) // PATCH /api/v1/files/{id}
        .routes(needs(P::ChangeFiles, routes!(files::delete_file))) // DELETE /api/v1/files/{id}
        .routes(needs(P::ReadClients, routes!(files::get_file_content))) // GET /api/v1/files/{id}/content
        .routes(needs(P::ChangeFiles, routes!(files::convert_file))) // POST /api/v1/files/{id}/convert
        .routes(needs(P::ChangeFiles, routes!(files::delete_files))) // POST /api/v1/files/delete
        .routes(needs(P::ChangeFiles, routes!(uploads::create_upload))) // POST /api/v1/uploads
        .routes(needs(P::ChangeFiles, routes!(uploads::list_uploads))) // GET /api/v1/uploads
        .routes(needs(P::ChangeFiles, routes!(uploads::get_upload))) // GET /api/v1/uploads/{token}
        .routes(needs(P::ChangeFiles, routes!(uploads::update_upload))) // PATCH /api/v1/uploads/{token}
        .routes(needs(P::ChangeFiles, routes!(uploads::finish_upload))) // POST /api/v1/uploads/{token}/finish
        .routes(needs(P::ChangeFiles, routes!(uploads::delete_upload))) // DELETE /api/v1/uploads/{token}
        // jobs
        .routes(needs(P::ReadClients, routes!(jobs::list_jobs))) // GET /api/v1/jobs
        .routes(needs(P::ReadClients, routes!(jobs::export_jobs))) // GET /api/v1/jobs/export
        .routes(needs(P::ReadClients, routes!(jobs::get_job))) // GET /api/v1/jobs/{id}
        .routes(needs(P::ChangeClients, routes!(jobs::delete_job))) // DELETE /api/v1/jobs/{id}
        .routes(needs(P::ReadClients, routes!(jobs::list_job_targets))) // GET /api/v1/jobs/{id}/targets
        .routes(needs(P::ReadClients, routes!(jobs::export_job_targets))) // GET /api/v1/jobs/{id}/targets/export
        .routes(needs(P::ReadClients, routes!(jobs::get_job_target))) // GET /api/v1/jobs/{id}/targets/{target}
        .routes(needs(P::ChangeClients, routes!(jobs::cancel_job))) // POST /api/v1/jobs/{id}/cancel
        .routes(needs(P::ChangeClients, routes!(jobs::retry_job))) // POST /api/v1/jobs/{id}/retry
        .routes(needs(P::ChangeClients, routes!(jobs::delete_jobs))) // POST /api/v1/jobs/delete
        .routes(needs(P::Own, routes!(notifications::list_notifications))) // GET /api/v1/notifications
        .routes(needs(P::Own, routes!(notifications::delete_notifications))) // DELETE /api/v1/notifications
        .routes(needs(P::Own, routes!(notifications::delete_notification))) // DELETE /api/v1/notifications/{id}
        .routes(needs(P::Own, routes!(notifications::restore_notifications))) // POST /api/v1/notifications/restore
        .routes(needs(P::Own, routes!(notifications::mark_notifications_seen))) // POST /api/v1/notifications/seen
        // what can be set on phones
        .routes(needs(P::ReadClients, routes!(parameters::list_parameters))) // GET /api/v1/parameters
        .routes(needs(P::ReadClients, routes!(parameters::get_parameter_catalogue))) // GET /api/v1/parameters/catalogue
        .routes(needs(P::ReadClients, routes!(parameters::get_parameter))) // GET /api/v1/parameters/{id}
        // administration
        .routes(needs(P::ReadAccounts, routes!(accounts::list_accounts))) // GET /api/v1/accounts
        .routes(needs(P::ReadAccounts, routes!(accounts::export_accounts))) // GET /api/v1/accounts/export
        .routes(needs(P::ChangeAccounts, routes!(accounts::create_account))) // POST /api/v1/accounts
        .routes(needs(P::ReadAccounts, routes!(accounts::get_account))) // GET /api/v1/accounts/{id}
        .routes(needs(P::ChangeAccounts, routes!(accounts::update_account))) // PATCH /api/v1/accounts/{id}
        .routes(needs(P::ChangeAccounts, routes!(accounts::delete_account))) // DELETE /api/v1/accounts/{id}
        .routes(needs(P::ChangeAccounts, routes!(accounts::unlock_account))) // POST /api/v1/accounts/{id}/unlock
        .routes(needs(P::ChangeAccounts, routes!(accounts::delete_account_sessions))) // DELETE /api/v1/accounts/{id}/sessions
        .routes(needs(P::ChangeAccounts, routes!(accounts::delete_account_second_factor))) // DELETE /api/v1/accounts/{id}/second-factor
        .routes(needs(P::ReadSettings, routes!(settings::list_settings))) // GET /api/v1/settings
        .routes(needs(P::ReadSettings, routes!(settings::get_setting))) // GET /api/v1/settings/{id}
        .routes(needs(P::ChangeSettings, routes!(settings::update_setting))) // PUT /api/v1/settings/{id}
        .routes(needs(P::ChangeSettings, routes!(settings::delete_setting))) // DELETE /api/v1/settings/{id}
        .routes(needs(P::ReadSettings, routes!(diagnosis::list_handshake_failures))) // GET /api/v1/diagnosis/handshakes
        .routes(needs(P::ReadAudit, routes!(audit::list_audit_records))) // GET /api/v1/audit
        .routes(needs(P::ReadAudit, routes!(audit::export_audit_records))) // GET /api/v1/audit/export
        .routes(needs(P::ReadAudit, routes!(audit::check_audit_records))) // GET /api/v1/audit/check
}

#[cfg(test)]
mod tests {
    use super::openapi;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    /// Operation id to `METHOD address`, from the document.
    fn operations() -> BTreeMap<String, (String, Value)> {
        let document = serde_json::to_value(openapi()).unwrap();
        let mut found = BTreeMap::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                let place = format!("{} {path}", method.to_uppercase());
                assert!(
                    found.insert(id.clone(), (place, operation.clone())).is_none(),
                    "{id} stands there twice"
                );
            }
        }
        found
    }

    #[test]
    fn the_table_shows_the_addresses_as_they_are() {
        let operations = operations();
        let mut shown = BTreeSet::new();
        for line in include_str!("routes.rs").lines().filter(|line| line.trim_start().starts_with(".routes("))
        {
            let (call, place) = line.split_once(" // ").unwrap_or_else(|| panic!("no address: {line}"));
            let id = call.rsplit("::").next().unwrap().trim_end_matches(')');
            let (real, _) = operations.get(id).unwrap_or_else(|| panic!("no operation {id}"));
            assert_eq!(place.trim(), real, "{id}");
            shown.insert(id.to_owned());
        }
        assert_eq!(shown, operations.into_keys().collect());
    }

    #[test]
    fn every_operation_says_who_may_and_answers_problems() {
        for (id, (place, operation)) in operations() {
            assert!(operation["x-permission"].is_string(), "{id}");
            assert!(operation["responses"]["default"].is_object(), "{id}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id}");
            // A piece of an upload names what it expects by its offset.
            let changes = (place.starts_with("PATCH") && !place.contains("/uploads/"))
                || (place.starts_with("PUT") && !place.contains("/auth/"));
            let asks = operation["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|p| p["name"] == "If-Match"));
            assert!(!changes || asks, "{id} changes a thing and takes no If-Match");
        }
    }

    #[test]
    fn the_document_is_complete() {
        let document = serde_json::to_value(openapi()).unwrap();
        assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is not described");
        }
        assert!(schemas.contains_key("Problem"));
    }
}
