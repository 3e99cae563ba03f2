// Fields, groups and templates as a client sees them: a field brings it into a group, which brings it a value; and what is
// done to a whole group.

import { strict as assert } from 'node:assert';
import { api, clients, set, until } from '../api.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { List } from '../pages/list.mjs';

const SERVER = 'general.date-time.sntp-server-address';
const AT_ONCE = 'server-settings.plans.drawn-at-once';
const LIMIT = 'server-settings.plans.confirm-beyond-for-administrators';

/** Deletes something by its path; what changes nothing is gone at once, else its plan is applied. */
async function remove(path) {
  const { revision } = await api('GET', path);
  const headers = { 'if-match': `"${revision}"` };
  await api('DELETE', path, undefined, headers).catch(async (error) => {
    const plan = /"plan":(\d+)/.exec(error.message)?.[1];
    if (!plan) throw error;
    await until('the plan is drawn', async () => (await api('GET', `/plans/${plan}`)).state === 'ready');
    const { summary } = await api('GET', `/plans/${plan}`);
    await api('POST', `/plans/${plan}/apply`, summary.writes > 0 ? { confirm: summary.writes } : {});
  });
}

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).find((one) => one.software_type === 'SIP' && one.state === 'active');
  await api('POST', '/client-fields', { name: 'wing', label: 'Wing' });
  const template = await api('POST', '/templates', { name: 'West', kind: 'default', models: [client.model] });
  const filter = { test: { field: 'client-field', name: 'wing', is: 'West' } };
  const group = await api('POST', '/groups', { name: 'West wing', filter, templates: [template.id] });
  const headers = { 'if-match': `"${template.revision}"` };
  await api('PATCH', `/templates/${template.id}`, { values: [{ parameter: SERVER, value: '192.0.2.77' }] }, headers);

  // The field brings it into the group, and that a value: the plan says so before it is saved.
  visit.expect(409, `/api/v1/clients/${client.id}/fields`);
  await visit.goto(`/clients/${client.id}`);
  await page.getByRole('button', { name: 'Edit fields' }).click();
  const fields = page.getByRole('dialog', { name: `Fields of ${client.e164}` });
  await fields.getByLabel('Wing').fill('West');
  await visit.look('the fields');
  await fields.getByRole('button', { name: 'Save changes' }).click();
  const plan = page.getByRole('dialog', { name: 'Saving this changes clients' });
  await plan.getByText('Saving this changes 1 client.').waitFor();
  await plan.getByText('192.0.2.77').waitFor();
  await visit.look('a plan that is required');
  // Nothing typed is lost when it is not saved yet.
  await plan.getByRole('button', { name: 'Back to the form' }).click();
  await plan.waitFor({ state: 'detached' });
  assert.equal(await fields.getByLabel('Wing').inputValue(), 'West');
  // Of many clients a plan takes its time: the dialog waits for it.
  await set(AT_ONCE, 0);
  await fields.getByRole('button', { name: 'Save changes' }).click();
  await plan.getByRole('button', { name: 'Save and write to 1 client' }).click();
  await page.getByText('Saved. 1 client gets it.').waitFor();
  await set(AT_ONCE, 2000);
  await page.getByRole('link', { name: 'West wing' }).waitFor();
  await page.getByText('West', { exact: true }).waitFor();
  await visit.look('a client in a group');

  // Where the value comes from.
  const edit = new Configuration(page);
  await visit.goto(`/clients/${client.id}/configuration`);
  await edit.ready();
  await edit.find('SNTP server address', SERVER);
  await page.getByRole('link', { name: /West/ }).first().waitFor();
  await visit.look('a value with its origin');

  // The group and the template as filters of the list.
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.filter('Group', 'West wing');
  await page.getByText('1–1 of 1').waitFor();
  assert.match(page.url(), new RegExp(`group=${group.id}`));
  await visit.look('the clients of a group');
  await visit.goto(`/clients?template=${template.id}`);
  await list.ready();
  await page.getByText('1–1 of 1').waitFor();
  assert.equal((await list.names())[0], client.e164);

  // Everything on all that match, as a plan with a typed number.
  await set(LIMIT, 0);
  await list.row(client.e164).getByRole('checkbox').check();
  await list.bulk.getByRole('button', { name: 'Set values …' }).click();
  await edit.ready();
  await edit.find('SNTP server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.78');
  await edit.control(SERVER).blur();
  await edit.review();
  const apply = page.getByRole('button', { name: /^(Apply to|Write) 1/ });
  await apply.waitFor();
  await page.getByLabel('Type 1 to go on').fill('1');
  await visit.look('a plan beyond the limit');
  await set(LIMIT, 1000);

  await remove(`/groups/${group.id}`);
  await remove(`/templates/${template.id}`);
  const now = await api('GET', `/clients/${client.id}`);
  await api('PUT', `/clients/${client.id}/fields`, { fields: {} }, { 'if-match': `"${now.revision}"` });
  const { items } = await api('GET', '/client-fields');
  const field = items.find((one) => one.name === 'wing');
  await api('DELETE', '/client-fields/wing', undefined, { 'if-match': `"${field.revision}"` });
}
