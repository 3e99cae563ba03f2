//! Files of one client: those it has, those its templates want, and its software (OSEM §7.1.6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::configuration::Reason;
use api::file::{ClientFiles, ClientSoftware, InstalledFile, TemplateUse, WantedFile};
use domain::deployment::outcome::{OnPhone, is_in_use, is_installed};
use domain::file::FileType;
use domain::layers::Applied;
use domain::{ClientId, FileId, TemplateId};

use crate::App;
use crate::app::configuration::model_of;
use crate::app::deployments::wanted::{self, Asked, Stand, Wants};
use crate::app::error::{AppError, AppResult};
use crate::app::layers::settle::facts;
use crate::app::layers::{self, Snapshot};
use crate::store::clients::Client;
use crate::store::files::File;
use crate::store::{StoreResult, client_fields, clients, fleet};

/// What a phone says of each of its files (`wpi.md` §4.6.5).
const ITEMS: [&str; 5] = [
    "file-deployment-name",
    "file-deployment-type",
    "file-deployment-date",
    "file-deployment-time",
    "file-deployment-status",
];

/// Files of a client.
///
/// # Errors
/// `not_found`.
pub async fn files_of(app: &App, id: ClientId) -> AppResult<ClientFiles> {
    let client = clients::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let fields = client_fields::of_client(&app.store, id).await?;
    let layers = layers::snapshot(app, &app.store).await?;
    let applied = layers.layers.applying(&facts(&client, &fields));
    let files = wanted::read_files(&app.store, wanted::named(&applied)).await?;
    let wants = wanted::wants(&applied, &files, model_of(&client), client.software_type.as_deref());
    let wants = Arc::new(wants);
    let asked = [Asked { client: &client, wants: Arc::clone(&wants), anew: false, once: false }];
    let stand = wanted::stand(app, &app.store, &layers, &files, &asked, app.clock.now()).await?;
    let mut installed = installed(app, id).await?;
    let page = Page { client: &client, layers: &layers, applied: &applied, files: &files, wants: &wants };
    for file in &mut installed {
        file.wanted = page.is_wanted(file);
    }
    let software = stand.first().map(|stand| page.software(stand));
    Ok(ClientFiles {
        installed,
        reported_at: client.full_read_at,
        wanted: stand.first().map(|stand| page.wanted(stand)).unwrap_or_default(),
        software: software.ok_or_else(AppError::not_found)?,
    })
}

/// The files a phone says it has, by their place.
async fn installed(app: &App, id: ClientId) -> StoreResult<Vec<InstalledFile>> {
    let numbers: Vec<Option<i64>> = ITEMS.iter().map(|name| app.store.item_number(name)).collect();
    let asked: BTreeSet<i64> = numbers.iter().copied().flatten().collect();
    let mut slots: BTreeMap<Option<u16>, [Option<String>; 5]> = BTreeMap::new();
    for ((_, item, index), said) in fleet::reported(&app.store, &[id], &asked).await? {
        let place = numbers.iter().position(|number| *number == Some(item));
        if let Some(text) = place.and_then(|place| slots.entry(index).or_default().get_mut(place)) {
            *text = said.text.filter(|text| !text.trim().is_empty());
        }
    }
    let file = |[name, kind, date, time, status]: [Option<String>; 5]| {
        let type_text = kind.unwrap_or_default();
        Some(InstalledFile {
            name: name.filter(|name| is_in_use(name))?,
            file_type: FileType::from_wire(&type_text),
            type_text,
            date,
            time,
            status,
            wanted: false,
        })
    };
    Ok(slots.into_values().filter_map(file).collect())
}

/// One client with what its templates want.
struct Page<'a> {
    client: &'a Client,
    layers: &'a Snapshot,
    applied: &'a [Applied<'a>],
    files: &'a BTreeMap<FileId, File>,
    wants: &'a Wants,
}

impl Page<'_> {
    fn template(&self, id: TemplateId) -> TemplateUse {
        TemplateUse { id, name: self.layers.template_name(id).unwrap_or_default().to_owned() }
    }

    fn is_wanted(&self, installed: &InstalledFile) -> bool {
        let on_phone = [OnPhone {
            name: installed.name.clone(),
            kind: installed.type_text.clone(),
            ..OnPhone::default()
        }];
        let files = self.wants.files.files.iter().filter_map(|wanted| self.files.get(&wanted.file));
        let mut types = files.filter_map(|file| Some((file, file.file_type?)));
        types.any(|(file, file_type)| is_installed(&on_phone, &file.name, file_type))
    }

    fn view(
        &self,
        file: FileId,
        template: TemplateId,
        installed: Option<bool>,
        reason: Option<Reason>,
    ) -> Option<WantedFile> {
        let row = self.files.get(&file)?;
        Some(WantedFile {
            file,
            name: row.name.clone(),
            file_type: row.file_type?,
            template: self.template(template),
            installed,
            reason,
        })
    }

    /// The files of its templates: those that count, those on which templates disagree, and those it cannot have.
    fn wanted(&self, stand: &Stand) -> Vec<WantedFile> {
        let mut views: Vec<WantedFile> = stand
            .files
            .iter()
            .filter_map(|file| {
                let reason = file.reason.map(Reason::new);
                self.view(file.wanted.file, file.wanted.template, file.installed, reason)
            })
            .collect();
        let conflicts = self.wants.files.conflicts.iter().flat_map(|conflict| &conflict.files);
        views.extend(conflicts.filter_map(|wanted| {
            self.view(wanted.file, wanted.template, None, Some(Reason::new("conflict")))
        }));
        for (file, why) in &self.wants.misfits {
            if self.files.get(file).is_none_or(|row| row.file_type == Some(FileType::Software)) {
                continue;
            }
            let having = self.applied.iter().filter(|one| one.template.files.contains(file));
            let strongest = having.min_by_key(|one| (one.layer, one.template.rank, one.template.id));
            let reason = Reason::new("does-not-fit").arg("reason", *why);
            let view = strongest.and_then(|one| self.view(*file, one.template.id, None, Some(reason)));
            views.extend(view);
        }
        views.sort_by(|a, b| {
            let place = |file: &WantedFile| (file.file_type.as_str(), file.name.to_lowercase(), file.file);
            place(a).cmp(&place(b))
        });
        views
    }

    fn software(&self, stand: &Stand) -> ClientSoftware {
        let software = &stand.software;
        let file = software.file.and_then(|id| self.files.get(&id));
        ClientSoftware {
            running: self.client.software_version.clone(),
            wanted: file.and_then(|file| file.software_version.clone()),
            file: software.file,
            template: software.template.map(|id| self.template(id)),
            rule: software.rule.as_str().to_owned(),
            outcome: Reason::new(software.outcome),
        }
    }
}
