//! The database schema, forward only: a migration that has landed is never edited.
//!
//! Each migration is one file with SQL for both databases. Where they differ in words only, the text has
//! placeholders (see [`dialect`]). Recipe: `docs/recipes/migration.md`.

pub mod dialect;
mod m20261121_000001_foundation;
mod m20261121_000002_configuration_and_jobs;
mod m20261121_000003_console;
mod m20261121_000004_fleet;
mod m20261121_000005_files;

pub use sea_orm_migration::{MigratorTrait, sea_orm};

/// All migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[sea_orm_migration::async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_foundation::Migration),
            Box::new(m20261121_000002_configuration_and_jobs::Migration),
            Box::new(m20261121_000003_console::Migration),
            Box::new(m20261121_000004_fleet::Migration),
            Box::new(m20261121_000005_files::Migration),
        ]
    }
}
