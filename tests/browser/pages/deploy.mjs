// The way from a plan that deploys to its job, and what the page of the job says.

import { List } from './list.mjs';

/** The page of a plan that deploys. */
export class DeployPlan {
  constructor(page) {
    this.page = page;
    this.files = page.getByRole('table', { name: 'What is deployed' });
    this.when = page.getByRole('complementary', { name: /When and how/ });
  }

  /** Until it stands there; `kind`: `files` or `software`. */
  async ready(kind) {
    await this.page.getByRole('heading', { level: 1, name: new RegExp(`^Deploy ${kind}, plan`) }).waitFor();
    await this.when.waitFor();
  }

  /** The button that applies it to so many clients. */
  button(clients) {
    const words = clients === 1 ? 'Apply to 1 client' : `Apply to ${clients} clients`;
    return this.when.getByRole('button', { name: words, exact: true });
  }

  /** Applies it to so many clients, and goes to its job. */
  async apply(clients) {
    await this.button(clients).click();
    await this.page.getByRole('link', { name: /^Show job/ }).first().click();
    const job = new DeployJob(this.page);
    await job.ready();
    return job;
  }

  async discard() {
    await this.page.getByRole('button', { name: 'Discard' }).click();
    await this.page.getByText('Plan discarded.').waitFor();
  }
}

/** The page of a job that deploys. */
export class DeployJob {
  constructor(page) {
    this.page = page;
    this.targets = new List(page, 'Clients of the job');
    this.bar = page.getByRole('region', { name: 'Progress' });
  }

  async ready() {
    await this.page.getByRole('heading', { level: 1, name: /^Deploy (files|software), job \d+$/ }).waitFor();
    await this.targets.ready();
  }

  /** Until the row of a client is in this state; answers with the row. */
  async becomes(client, state) {
    const row = this.targets.row(client.e164 ?? client.device_id);
    await row.getByText(state, { exact: true }).waitFor();
    return row;
  }

  /** Until all of so many clients have what they were to get, by the figure and by each row. */
  async succeeds(clients) {
    for (const client of clients) await this.becomes(client, 'Success');
    await this.bar.locator('.job-figure').getByText(String(clients.length), { exact: true }).waitFor();
    await this.bar.getByText(`of ${clients.length} succeeded`).waitFor();
  }
}
