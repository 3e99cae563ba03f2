//! `workpoint user …` and `workpoint token …`: for automation and for the day nobody can sign in.

use std::io::Read as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::{Role, RoleSet, Secret};

use super::{Failure, Output};
use crate::app::{accounts, password, tokens};
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::open;
use crate::settings::Settings;

/// Longest password read from standard input, in bytes.
const MOST_BYTES: u64 = 4096;

#[derive(Subcommand)]
pub(super) enum UserVerb {
    /// Create an account.
    ///
    /// Example: echo "$PASSWORD" | workpoint user create --username anna --role operator --password-stdin
    #[command(verbatim_doc_comment)]
    Create(CreateUser),
    /// End the lock of an account after failed sign-ins.
    ///
    /// Example: workpoint user unlock --username anna
    #[command(verbatim_doc_comment)]
    Unlock(UnlockUser),
}

#[derive(Args)]
pub(super) struct UnlockUser {
    /// Name of the account.
    #[arg(long)]
    username: String,
}

#[derive(Args)]
pub(super) struct CreateUser {
    /// Name to sign in with.
    #[arg(long)]
    username: String,
    /// admin, operator, viewer or auditor; may be given several times.
    #[arg(long = "role", required = true, value_parser = parse_role)]
    roles: Vec<Role>,
    /// Read the password from standard input.
    #[arg(long, required = true)]
    password_stdin: bool,
    /// The account must change this password at its first sign-in.
    #[arg(long)]
    must_change_password: bool,
}

#[derive(Subcommand)]
pub(super) enum TokenVerb {
    /// Create an API token and print it, alone and only once.
    ///
    /// Example: TOKEN=$(workpoint token create --user anna --name "nightly export" --expires 90)
    #[command(verbatim_doc_comment)]
    Create(CreateToken),
}

#[derive(Args)]
pub(super) struct CreateToken {
    /// Account the token belongs to.
    #[arg(long)]
    user: String,
    /// What the token is for.
    #[arg(long)]
    name: String,
    /// Days until it expires; never when left out.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires: Option<u32>,
}

fn parse_role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| "must be admin, operator, viewer or auditor".to_owned())
}

pub(super) async fn user(config: &Config, verb: UserVerb, output: Output) -> Result<ExitCode, Failure> {
    match verb {
        UserVerb::Create(arguments) => create_user(config, arguments, output).await,
        UserVerb::Unlock(arguments) => unlock_user(config, &arguments, output).await,
    }
}

async fn unlock_user(config: &Config, arguments: &UnlockUser, output: Output) -> Result<ExitCode, Failure> {
    let opened = open(config, &Entropy::system()).await?;
    let name = &arguments.username;
    let unlocked = accounts::unlock_from_command_line(&opened.store, &Clock::system(), name).await?;
    opened.store.close().await;
    let text = match unlocked {
        true => format!("Account {name} unlocked."),
        false => format!("Account {name} was not locked."),
    };
    output.result(&serde_json::json!({"user_name": name, "unlocked": unlocked}), &text);
    Ok(ExitCode::SUCCESS)
}

async fn create_user(config: &Config, arguments: CreateUser, output: Output) -> Result<ExitCode, Failure> {
    let password = read_password()?;
    let opened = open(config, &Entropy::system()).await?;
    let new = accounts::NewFromCommandLine {
        user_name: arguments.username.clone(),
        roles: RoleSet::new(arguments.roles),
        password,
        must_change_password: arguments.must_change_password,
    };
    let settings = Settings::load(&opened.store, config.overrides.clone()).await?;
    let policy = password::policy(&settings);
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let id = accounts::create_from_command_line(&opened.store, &clock, &entropy, new, policy).await?;
    opened.store.close().await;
    let text = format!("Account {} created.", arguments.username);
    output.result(&serde_json::json!({"id": id, "user_name": arguments.username}), &text);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn token(config: &Config, verb: TokenVerb, output: Output) -> Result<ExitCode, Failure> {
    let TokenVerb::Create(arguments) = verb;
    let opened = open(config, &Entropy::system()).await?;
    let (id, token) = tokens::create_from_command_line(
        &opened.store,
        &Clock::system(),
        &Entropy::system(),
        &arguments.user,
        &arguments.name,
        arguments.expires,
    )
    .await?;
    opened.store.close().await;
    output.result(&serde_json::json!({"id": id, "token": token.expose()}), token.expose());
    Ok(ExitCode::SUCCESS)
}

fn read_password() -> Result<Secret, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
