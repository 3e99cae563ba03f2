// A template made of a client: values are chosen, and the phone says afterwards where its values come from.

import { strict as assert } from 'node:assert';
import { api, clients } from '../api.mjs';
import { List } from '../pages/list.mjs';

const NAME = 'From one phone';

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).find((one) => one.software_type === 'SIP' && one.state === 'active');
  const list = new List(page, 'Clients');
  await visit.goto('/clients');
  await list.ready();
  await list.menu(list.row(client.e164), 'Generate template');
  const dialog = page.getByRole('dialog', { name: `Generate a template from ${client.e164}` });
  await dialog.getByRole('searchbox', { name: 'Search values' }).waitFor();
  await visit.look('a template to be generated');
  await dialog.getByRole('button', { name: 'None of those shown' }).click();
  await dialog.getByRole('button', { name: 'Generate template' }).click();
  await dialog.getByText('Enter a name.').waitFor();
  await dialog.getByText('Choose at least one value.').waitFor();
  await visit.look('nothing chosen');

  await dialog.getByLabel('Name', { exact: true }).fill(NAME);
  // For phones that come for the first time: nothing changes for those that are there.
  await dialog.getByLabel('Type', { exact: true }).selectOption('onboarding');
  await dialog.getByRole('searchbox', { name: 'Search values' }).fill('server');
  await dialog.getByRole('button', { name: 'Choose all shown' }).click();
  await dialog.getByRole('button', { name: /^Generate with/ }).click();
  await dialog.getByText(`The template “${NAME}” was made`).waitFor();
  await visit.look('a generated template');
  await dialog.getByRole('link', { name: 'Open the template' }).click();
  await page.getByRole('heading', { level: 1, name: NAME }).waitFor();

  const { items } = await api('GET', `/templates?search=${encodeURIComponent(NAME)}`);
  assert.equal(items.length, 1);
  assert.ok(items[0].content.settings > 0);

  // A client that is prepared with it says so.
  await visit.goto('/clients');
  await list.ready();
  await page.getByRole('button', { name: 'New client' }).click();
  const form = page.getByRole('dialog', { name: 'New client' });
  await form.getByLabel('E.164').fill('4989700754321');
  // The template is for phones of this type.
  await form.getByRole('combobox', { name: 'Type', exact: true }).click();
  await form.getByRole('option', { name: client.model, exact: true }).click();
  await form.getByRole('combobox', { name: 'Template', exact: true }).click();
  await form.getByRole('option', { name: NAME }).click();
  await form.getByRole('button', { name: 'Prepare client' }).click();
  await page.getByText('4989700754321 is prepared.').waitFor();
  const prepared = (await api('GET', '/clients?search=4989700754321')).items[0];
  assert.equal(prepared.onboarding_template, items[0].id);
  await visit.goto(`/clients/${prepared.id}`);
  await page.getByRole('link', { name: NAME }).waitFor();
  await visit.look('a client that was prepared with a template');
  await api('DELETE', `/clients/${prepared.id}`, undefined, { 'if-match': `"${prepared.revision}"` });
  const headers = { 'if-match': `"${items[0].revision}"` };
  await api('DELETE', `/templates/${items[0].id}`, undefined, headers);
}
