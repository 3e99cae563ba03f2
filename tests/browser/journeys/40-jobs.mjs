// Jobs: the question before something dangerous asks for the number; a job is looked at, cancelled, tried again.

import { api, clients, until } from '../api.mjs';
import { given } from '../harness.mjs';
import { List } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  // The number and the identity are asked for when they are missing.
  visit.expect(409, '/api/v1/clients/actions');
  visit.expect(403, '/api/v1/clients/actions');
  const [client] = await clients();
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.row(client.e164).getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: `Select all ${given.phones}` }).click();
  await list.bulk.getByRole('button', { name: 'Reset', exact: true }).click();
  const question = page.getByRole('dialog', { name: `Reset ${given.phones} clients to factory values?` });
  const reset = question.getByRole('button', { name: `Reset ${given.phones} clients` });
  // Planned for later, so that nothing is reset.
  await question.getByLabel('At a later time').check();
  await question.getByLabel('Start').fill('2031-05-06T07:08');
  await visit.look('a question');
  await reset.click();
  await question.getByLabel(`Type ${given.phones} to go on`).fill(String(given.phones));
  await visit.look('a typed number');
  await reset.click();
  await question.waitFor({ state: 'detached' });

  const jobs = new List(page, 'Jobs');
  await visit.goto('/jobs');
  await jobs.ready();
  await visit.look('the jobs');
  const row = jobs.rows.first();
  await row.getByText('Scheduled').waitFor();
  await row.getByRole('link').first().click();
  await page.getByRole('heading', { level: 1, name: /job \d+$/ }).waitFor();
  await new List(page, 'Clients of the job').ready();
  await visit.look('a job');
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('dialog', { name: 'Cancel this job?' }).getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('main').getByText('Cancelled', { exact: true }).first().waitFor();

  const made = await api('POST', '/clients/actions', { action: 'refresh', targets: { ids: [client.id] },
    planned_at: '2031-05-06T07:08:00Z' });
  await visit.goto(`/jobs/${made.id}`);
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('button', { name: /^Retry/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Retry/ }).click();
  await page.getByText('The job tries again.').waitFor();
  await visit.look('a job that is tried again');

  // Trying something dangerous again asks for the number too.
  const all = (await clients()).filter((one) => one.state === 'active').map((one) => one.id);
  const restart = await api('POST', '/clients/actions', { action: 'restart', targets: { ids: all },
    planned_at: '2031-05-06T07:08:00Z', confirm: all.length });
  await api('POST', `/jobs/${restart.id}/cancel`, {});
  visit.expect(409, `/api/v1/jobs/${restart.id}/retry`);
  visit.expect(403, `/api/v1/jobs/${restart.id}/retry`);
  await visit.goto(`/jobs/${restart.id}`);
  await page.getByRole('button', { name: /^Retry/ }).click();
  const again = page.getByRole('dialog', { name: 'Retry what failed in this job?' });
  await again.getByRole('button', { name: 'Retry job' }).click();
  await again.getByLabel(`Type ${all.length} to go on`).fill(String(all.length));
  await again.getByRole('button', { name: 'Retry job' }).click();
  await page.getByText('The job tries again.').waitFor();
  // The phones may have been faster.
  await api('POST', `/jobs/${restart.id}/cancel`, {}).catch((error) => {
    if (!String(error).includes('job_finished')) throw error;
  });
  await until('what was sent has ended', async () => (await api('GET', `/jobs/${restart.id}`)).finished_at !== null);
}
