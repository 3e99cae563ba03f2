//! The OpenAPI document and its browsable view. Everything an operation has in common with others is added
//! here, so that an annotation says only what is particular to it.

use api::Problem;
use axum::Router;
use domain::Permission;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, InfoBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::extract::SESSION_COOKIE;
use super::state::ApiState;

/// Names what the caller needs: a permission as a word, or `public`.
pub(crate) const PERMISSION: &str = "x-permission";

/// What a browser sends with every change.
const CSRF_HEADER: &str = "X-CSRF-Token";

const DESCRIPTION: &str = "Everything the console does goes through this API. Browsers sign in at \
    `/api/v1/auth/sign-in` and send the CSRF token they get as `X-CSRF-Token` with every change; scripts send an \
    API token as `Authorization: Bearer wp_…`. Every answer from 400 on is a problem document (RFC 9457) with a \
    stable `code`. `x-permission` names what the caller's roles must allow.";

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Common;

/// The document without operations.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Common::openapi();
    document.info = InfoBuilder::new()
        .title("Workpoint")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.responses.insert("Problem".to_owned(), RefOr::T(problem_response()));
    let cookie = ApiKeyValue::with_description(
        SESSION_COOKIE,
        "Set by signing in. A change needs the scheme `csrf` too.",
    );
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let csrf = ApiKeyValue::with_description(
        CSRF_HEADER,
        "The `csrf_token` of signing in; every request but GET and HEAD needs it beside the cookie.",
    );
    components.add_security_scheme("csrf", SecurityScheme::ApiKey(ApiKey::Header(csrf)));
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("API token: wp_…")).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    document
}

fn problem_response() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("Any problem: `code` says which, and each code has one status.")
        .content("application/problem+json", content)
        .build()
}

/// Operations that need a permission. Their handlers ask for it in their first line; this writes it into the
/// document, and the tests compare the two.
pub(crate) fn needs(
    permission: Permission,
    routes: UtoipaMethodRouter<ApiState>,
) -> UtoipaMethodRouter<ApiState> {
    let word = serde_json::to_value(permission).unwrap_or_default();
    complete(routes, &word, true)
}

/// Operations for everybody.
pub(crate) fn public(routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    complete(routes, &Value::from("public"), false)
}

fn complete(
    (schemas, mut paths, router): UtoipaMethodRouter<ApiState>,
    permission: &Value,
    signed_in: bool,
) -> UtoipaMethodRouter<ApiState> {
    for (operation, changes) in paths.paths.values_mut().flat_map(operations) {
        let extension = Extensions::from_iter([(PERMISSION, permission.clone())]);
        operation.extensions.get_or_insert_default().merge(extension);
        operation.security = Some(if signed_in { security(changes) } else { Vec::new() });
        let problem = RefOr::Ref(Ref::from_response_name("Problem"));
        operation.responses.responses.insert("default".to_owned(), problem);
    }
    (schemas, paths, router)
}

/// A browser with its session, and for a change with the CSRF token too; or a script with its token.
fn security(changes: bool) -> Vec<SecurityRequirement> {
    let none = Vec::<String>::new();
    let session = SecurityRequirement::new("session", none.clone());
    let session = if changes { session.add("csrf", none.clone()) } else { session };
    vec![session, SecurityRequirement::new("token", none)]
}

/// The operations of a path, and whether each is a method that changes something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let changing = [put, post, delete, patch].into_iter().flatten().map(|operation| (operation, true));
    get.iter_mut().map(|operation| (operation, false)).chain(changing)
}

/// `/api/openapi.json` and `/api/docs`, both from the program itself: nothing is fetched from elsewhere.
pub(crate) fn pages(document: utoipa::openapi::OpenApi) -> Router<ApiState> {
    let config = Config::from("/api/openapi.json").validator_url("none").persist_authorization(false);
    SwaggerUi::new("/api/docs").url("/api/openapi.json", document).config(config).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn a_change_needs_the_csrf_token_beside_the_cookie_and_a_script_does_not() {
        let document = serde_json::to_value(crate::routes::openapi()).unwrap();
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(
            (&schemes["csrf"]["in"], &schemes["csrf"]["name"]),
            (&json!("header"), &json!("X-CSRF-Token"))
        );
        assert_eq!(
            (&schemes["session"]["in"], &schemes["token"]["scheme"]),
            (&json!("cookie"), &json!("bearer"))
        );
        let (mut read, mut changed) = (0, 0);
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let place = format!("{method} {path}");
                let security = &operation["security"];
                if operation["x-permission"] == "public" {
                    assert!(security.as_array().is_none_or(Vec::is_empty), "{place}");
                } else if method == "get" {
                    assert_eq!(*security, json!([{"session": []}, {"token": []}]), "{place}");
                    read += 1;
                } else {
                    assert_eq!(*security, json!([{"csrf": [], "session": []}, {"token": []}]), "{place}");
                    changed += 1;
                }
                for scheme in security.as_array().into_iter().flatten().filter_map(Value::as_object) {
                    assert!(scheme.keys().all(|name| schemes[name].is_object()), "{place}");
                }
            }
        }
        assert!(read > 20 && changed > 20, "{read} {changed}");
    }
}
