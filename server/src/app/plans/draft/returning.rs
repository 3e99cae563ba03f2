//! Files that a plan deletes at phones although a template wants them there: the template brings them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::file::TemplateUse;
use api::plan::BroughtBackFile;
use domain::ClientId;
use domain::deployment::outcome::same_name;
use domain::deployment::{DeploymentOptions, FileAction};
use domain::setting::SettingKey;

use crate::App;
use crate::app::deployments::rule::Survey;
use crate::app::deployments::wanted::Wants;
use crate::store::clients::Client;
use crate::store::{Source, StoreResult};

/// What templates want, as far as a plan that deletes files has to know it.
pub(super) struct Templates<'a> {
    /// `None` when the plan deletes nothing, or nothing comes on its own.
    survey: Option<Survey<'a>>,
}

impl<'a> Templates<'a> {
    /// # Errors
    /// When the database cannot be asked.
    pub(super) async fn of(app: &'a App, options: &DeploymentOptions) -> StoreResult<Self> {
        let deletes = options.files.iter().any(|file| file.action == FileAction::Delete);
        if !deletes || app.settings.text(SettingKey::DeploymentsByRule) == "off" {
            return Ok(Self { survey: None });
        }
        let survey = Survey::begin(app).await?;
        Ok(Self { survey: survey.layers().brings_files().then_some(survey) })
    }

    /// What they want of each of some clients.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(super) async fn wants(
        &mut self,
        on: &impl Source,
        clients: &[Client],
    ) -> StoreResult<BTreeMap<ClientId, Arc<Wants>>> {
        let Some(survey) = &mut self.survey else { return Ok(BTreeMap::new()) };
        let wants = survey.wants(on, clients).await?;
        Ok(clients.iter().map(|client| client.id).zip(wants).collect())
    }

    /// The files of a plan that it deletes and that a template wants of a client.
    pub(super) fn returning(&self, options: &DeploymentOptions, wants: &Wants) -> Vec<BroughtBackFile> {
        let Some(survey) = &self.survey else { return Vec::new() };
        let deleted = options.files.iter().filter(|file| file.action == FileAction::Delete);
        let back = deleted.filter_map(|deleted| {
            let wanted = wants.files.files.iter().find(|wanted| {
                survey.files().get(&wanted.file).is_some_and(|file| {
                    file.file_type == Some(deleted.file_type) && same_name(&file.name, &deleted.name)
                })
            })?;
            let name = survey.layers().template_name(wanted.template).unwrap_or_default().to_owned();
            Some(BroughtBackFile {
                name: deleted.name.clone(),
                file_type: deleted.file_type,
                template: TemplateUse { id: wanted.template, name },
            })
        });
        back.collect()
    }
}
