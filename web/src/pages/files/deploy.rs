//! Deploying files: which ones, for whom and how; what comes of it is a plan, which says from what to what and for whom
//! not before anything is done (OSEM §4.5.4).

use api::deployment::{NewDeployedFile, NewDeployment};
use api::file::FileView;
use api::plan::{NewPlan, PlanKind, PlanView};
use api::targets::Targets;
use domain::deployment::{FileAction, MOST_FILES};
use domain::file::FileType;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::address::use_address;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::fresh_id;
use crate::components::list::Chosen;
use crate::components::states::FailureNote;
use crate::load::load;
use crate::texts::{self, lang};

pub(crate) use choose::ChooseFiles;
use options::ActionFields;
pub(crate) use options::{OptionFields, Options};
use whom::{Whom, WhomFields};

mod choose;
mod options;
mod whom;

/// What is known when the dialog opens; the rest is asked there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deploying {
    /// These files; none: they are chosen in the dialog.
    files: Vec<FileView>,
    /// These files, which the dialog reads first.
    listed: Option<Chosen>,
    /// For these clients, and how many they are; none: they are chosen in the dialog.
    targets: Option<(Targets, u64)>,
    /// Model of the clients, when they have one: other files are not offered.
    model: Option<String>,
}

impl Deploying {
    /// Files whose clients are asked for.
    pub(crate) fn files(files: Vec<FileView>) -> Self {
        Self { files, ..Self::default() }
    }

    /// What was chosen in the list of files; its clients are asked for.
    pub(crate) fn listed(chosen: Chosen) -> Self {
        Self { listed: Some(chosen), ..Self::default() }
    }

    /// Clients whose files are asked for.
    pub(crate) fn clients(targets: Targets, count: u64, model: Option<String>) -> Self {
        Self { targets: Some((targets, count)), model, ..Self::default() }
    }
}

/// The dialog; open while there is something to deploy.
#[component]
pub(crate) fn DeployDialog(deploying: RwSignal<Option<Deploying>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let dirty = RwSignal::new(false);
    Effect::new(move |_| {
        let there = deploying.with(Option::is_some);
        if there != open.get_untracked() {
            open.set(there);
        }
    });
    view! {
        <Dialog
            open=open
            title=texts::deployments::title(lang()).to_owned()
            size=DialogSize::Table
            dirty=dirty
            on_close=Callback::new(move |()| deploying.set(None))
        >
            {move || deploying.get().map(|known| body(open, dirty, known))}
        </Dialog>
    }
}

/// The form, once the files are read that were chosen in a list. They are not all of those that are on the page.
fn body(open: RwSignal<bool>, dirty: RwSignal<bool>, known: Deploying) -> AnyView {
    dirty.set(false);
    let Some(listed) = known.listed.clone() else {
        return view! { <Form open=open dirty=dirty known=known /> }.into_any();
    };
    let files = load(move || {
        let listed = listed.clone();
        async move { found(&listed).await }
    });
    files.show(3, move |files: Signal<Vec<FileView>>| {
        let known = Deploying { files: files.get_untracked(), listed: None, ..known.clone() };
        view! { <Form open=open dirty=dirty known=known /> }.into_any()
    })
}

/// The files that were chosen. When they have become too many meanwhile, one more than can be deployed together: the
/// dialog says so.
async fn found(chosen: &Chosen) -> Result<Vec<FileView>, Failure> {
    let mut files = Vec::new();
    for id in chosen.ids("/files").await?.into_iter().take(MOST_FILES + 1) {
        files.push(client::get::<FileView>(&format!("/files/{id}")).await?);
    }
    Ok(files)
}

/// Why these files cannot be deployed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    None,
    TooMany,
    Mixed,
}

fn obstacle(files: &[FileView]) -> Option<Obstacle> {
    let software = files.iter().filter(|file| file.file_type == Some(FileType::Software)).count();
    match files.len() {
        0 => Some(Obstacle::None),
        many if many > MOST_FILES => Some(Obstacle::TooMany),
        // Software restarts the phone and has its own way: it is a job of its own.
        many if software > 0 && software < many => Some(Obstacle::Mixed),
        _ => None,
    }
}

fn kind_of(files: &[FileView]) -> PlanKind {
    let software = files.iter().any(|file| file.file_type == Some(FileType::Software));
    if software { PlanKind::DeploySoftware } else { PlanKind::DeployFiles }
}

fn in_words(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::None => texts::deployments::choose_files(lang()).to_owned(),
        Obstacle::TooMany => texts::deployments::too_many(lang(), MOST_FILES as u64),
        Obstacle::Mixed => texts::deployments::not_mixed(lang()).to_owned(),
    }
}

#[component]
fn Form(open: RwSignal<bool>, dirty: RwSignal<bool>, known: Deploying) -> impl IntoView {
    let address = use_address();
    let Deploying { files, targets, model, listed: _ } = known;
    let given = !files.is_empty();
    let number = files.len();
    let chosen = RwSignal::new(files);
    let whom = targets.is_none().then(Whom::new);
    let options = Options::new();
    // Files that were chosen before are chosen again as fast; whoever has ticked some here would lose them.
    Effect::new(move |_| {
        let ticked = chosen.with(Vec::len) != number;
        dirty.set(ticked || whom.is_some_and(Whom::is_touched) || options.is_touched());
    });
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let (busy, tried) = (RwSignal::new(false), RwSignal::new(false));
    let count = targets.as_ref().map(|(_, count)| *count);
    let fixed = StoredValue::new(targets);
    let software = Memo::new(move |_| chosen.with(|files| kind_of(files) == PlanKind::DeploySoftware));
    let blocked = Memo::new(move |_| chosen.with(|files| obstacle(files)));
    let unread = Signal::derive(move || whom.and_then(Whom::blocked));
    let run = move || {
        tried.set(true);
        if busy.get_untracked()
            || blocked.get_untracked().is_some()
            || unread.get_untracked().is_some()
            || !options.are_good()
        {
            return;
        }
        let fixed = fixed.get_value().map(|(targets, _)| targets);
        let Some(targets) = fixed.or_else(|| whom.map(Whom::targets)) else { return };
        busy.set(true);
        failure.set(None);
        let (kind, files) = chosen.with_untracked(|files| {
            let kind = kind_of(files);
            let action = options.action(kind);
            let one = |file: &FileView| NewDeployedFile {
                file: Some(file.id),
                name: None,
                file_type: None,
                action,
            };
            (kind, files.iter().map(one).collect())
        });
        let deployment = options.deployment(files, kind);
        let once = key.get_value();
        spawn_local(async move {
            let answer = plan(kind, targets, deployment, &once).await;
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(plan) => {
                    open.set(false);
                    address.go(&format!("/plans/{}", plan.id));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    failure.set(Some(problem));
                }
            }
        });
    };
    let fault = move || {
        let obstacle = blocked.get().filter(|obstacle| tried.get() || *obstacle != Obstacle::None)?;
        Some(view! { <p class="errtext" role="alert">{in_words(obstacle)}</p> })
    };
    // What the server says of a field stands below its general sentence.
    let details = move || {
        failure.with(|failure| {
            let problem = failure.as_ref()?.problem.as_ref()?;
            let said = problem.errors.iter();
            let said: Vec<String> =
                said.filter_map(|error| failure.as_ref()?.field(lang(), &error.field)).collect();
            (!said.is_empty()).then(|| view! { <p class="errtext">{said.join(" ")}</p> })
        })
    };
    let files = if given {
        view! { <Given files=chosen /> }.into_any()
    } else {
        view! { <ChooseFiles chosen=chosen model=model /> }.into_any()
    };
    let clients = count.map(|count| view! { <p>{texts::deployments::for_clients(lang(), count)}</p> });
    let whom = whom.map(|whom| view! { <WhomFields whom=whom /> });
    view! {
        <form novalidate on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            {files}
            {fault}
            {clients}
            {whom}
            <ActionFields options=options software=software />
            <OptionFields options=options software=software />
            <FailureNote failure=failure />
            {details}
            <p class="hint">{texts::deployments::plan_follows(lang())}</p>
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy blocked=unread>
                    {texts::deployments::make_plan(lang())}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// Files that were chosen before; one can be taken out while others remain.
#[component]
fn Given(files: RwSignal<Vec<FileView>>) -> impl IntoView {
    let head = fresh_id("files");
    let labelled = head.clone();
    let head_of_list = StoredValue::new(head.clone());
    let line = move |file: FileView, alone: bool| {
        let id = file.id;
        let about = choose::about(&file);
        let name = file.name.clone();
        view! {
            <li class="row">
                <span class="grow">
                    <b class="breakable">{file.name}</b>
                    " "
                    <span class="muted">{about}</span>
                </span>
                {(!alone)
                    .then(|| {
                        view! {
                            <crate::components::button::IconButton
                                label=texts::common::remove(lang(), name)
                                icon="x"
                                on_press=Callback::new(move |()| {
                                    files.update(|files| files.retain(|file| file.id != id));
                                    // The button is gone with its line.
                                    head_of_list.with_value(|head| crate::browser::focus_id(head));
                                })
                            />
                        }
                    })}
            </li>
        }
    };
    view! {
        <section>
            <h3 id=head tabindex="-1">{texts::deployments::files(lang())}</h3>
            <ul class="plain-list" aria-labelledby=labelled>
                {move || {
                    let files = files.get();
                    let alone = files.len() == 1;
                    files.into_iter().map(|file| line(file, alone)).collect_view()
                }}
            </ul>
        </section>
    }
}

/// Makes a plan of a deployment.
///
/// # Errors
/// As [`Call::answer`].
pub(crate) async fn plan(
    kind: PlanKind,
    targets: Targets,
    deployment: NewDeployment,
    key: &str,
) -> Result<PlanView, Failure> {
    let new = NewPlan {
        kind,
        targets,
        changes: Vec::new(),
        send_secrets_again: false,
        deployment: Some(deployment),
    };
    Call::post("/plans").once(key).json(&new)?.answer().await
}

/// A deployment that deletes something only phones have.
pub(crate) fn deletion(name: String, file_type: FileType) -> NewDeployment {
    let file = NewDeployedFile {
        file: None,
        name: Some(name),
        file_type: Some(file_type),
        action: FileAction::Delete,
    };
    Options::new().deployment(vec![file], PlanKind::DeployFiles)
}

#[cfg(test)]
mod tests {
    use super::{Obstacle, kind_of, obstacle};
    use crate::pages::files::edit::tests::file;
    use api::plan::PlanKind;
    use domain::deployment::MOST_FILES;
    use domain::file::FileType;

    #[test]
    fn software_is_deployed_alone() {
        let mut image = file(1, "image.img");
        image.file_type = Some(FileType::Software);
        let tone = file(2, "tone.wav");
        assert_eq!(obstacle(&[]), Some(Obstacle::None));
        assert_eq!(obstacle(&[image.clone(), tone.clone()]), Some(Obstacle::Mixed));
        assert_eq!(
            (obstacle(&[image.clone(), image.clone()]), kind_of(&[image])),
            (None, PlanKind::DeploySoftware)
        );
        assert_eq!(kind_of(std::slice::from_ref(&tone)), PlanKind::DeployFiles);
        assert_eq!(obstacle(&vec![tone; MOST_FILES + 1]), Some(Obstacle::TooMany));
    }
}
