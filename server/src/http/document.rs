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
    let cookie =
        ApiKeyValue::with_description(SESSION_COOKIE, "Set by signing in; changes need X-CSRF-Token too.");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
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
    let none = Vec::<String>::new();
    let security =
        vec![SecurityRequirement::new("session", none.clone()), SecurityRequirement::new("token", none)];
    complete(routes, &word, &security)
}

/// Operations for everybody.
pub(crate) fn public(routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    complete(routes, &Value::from("public"), &[])
}

fn complete(
    (schemas, mut paths, router): UtoipaMethodRouter<ApiState>,
    permission: &Value,
    security: &[SecurityRequirement],
) -> UtoipaMethodRouter<ApiState> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        let extension = Extensions::from_iter([(PERMISSION, permission.clone())]);
        operation.extensions.get_or_insert_default().merge(extension);
        operation.security = Some(security.to_vec());
        let problem = RefOr::Ref(Ref::from_response_name("Problem"));
        operation.responses.responses.insert("default".to_owned(), problem);
    }
    (schemas, paths, router)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// `/api/openapi.json` and `/api/docs`, both from the program itself: nothing is fetched from elsewhere.
pub(crate) fn pages(document: utoipa::openapi::OpenApi) -> Router<ApiState> {
    let config = Config::from("/api/openapi.json").validator_url("none").persist_authorization(false);
    SwaggerUi::new("/api/docs").url("/api/openapi.json", document).config(config).into()
}
