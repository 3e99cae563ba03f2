// Templates: from a starter and from a file, values with variables, what saving one does to the phones of a group, and
// where a client's value comes from.

import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { api, clients, save, until } from '../api.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { RequiredPlan } from '../pages/fleet.mjs';
import { List } from '../pages/list.mjs';

const SERVER = 'telephony.sip-settings.server-address';
const REALM = 'telephony.sip-settings.sip-credentials-realm';

export async function journey(visit) {
  const { page } = visit;
  const client = (await clients()).filter((one) => one.software_type === 'SIP' && one.state === 'active').at(-1);
  const edit = new Configuration(page);
  const plan = new RequiredPlan(page);

  // From a starter, for a type that no phone here has, so that it is saved at once.
  await visit.goto('/templates');
  await page.getByRole('button', { name: 'New template' }).click();
  const dialog = page.getByRole('dialog', { name: 'New template' });
  await visit.look('an empty template');
  await dialog.getByRole('button', { name: 'From a starter' }).click();
  await dialog.getByRole('radio').first().waitFor();
  await visit.look('the starters');
  await dialog.getByRole('button', { name: 'From a file' }).click();
  visit.expect(422, '/api/v1/templates/import');
  visit.expect(400, '/api/v1/templates/import');
  await dialog.getByLabel('File of a template').setInputFiles({
    name: 'broken.toml', mimeType: 'application/toml', buffer: Buffer.from('format = "workpoint-template"\nversion = \n'),
  });
  await dialog.getByText('broken.toml is read in').waitFor();
  await dialog.getByRole('button', { name: 'Create template' }).click();
  await dialog.getByText(/Line 2/).waitFor();
  await visit.look('a file that is wrong');
  await dialog.getByRole('button', { name: 'Empty' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('Third floor');
  await dialog.getByRole('button', { name: 'Create template' }).click();
  await page.getByRole('heading', { level: 1, name: 'Third floor' }).waitFor();
  const template = (await api('GET', '/templates?search=Third%20floor')).items[0];
  await visit.look('a template');

  // In a group before it has values, so that it is for one phone only.
  const filter = { all: [{ test: { field: 'e164', is: client.basic_e164 ?? client.e164 } }] };
  const group = await save('POST', '/groups', { name: 'Third floor phones', filter, templates: [template.id] });

  // A value with a variable: first a wrong one, then a good one; saving shows the plan.
  await visit.goto(`/templates/${template.id}/configuration`);
  await edit.ready();
  await visit.look('the editor of a template');
  await edit.find('SIP credentials realm', REALM);
  await edit.control(REALM).fill('{nonsense}.example');
  await edit.control(REALM).blur();
  await page.getByText('There is no variable {nonsense}.').waitFor();
  await edit.control(REALM).fill('.example');
  await edit.control(REALM).press('Home');
  await page.locator(`[id="p-${REALM}-row"]`).getByRole('button', { name: 'Insert variable' }).click();
  await visit.look('the variables');
  await page.getByRole('menuitem', { name: /^\{extension\}/ }).click();
  assert.equal(await edit.control(REALM).inputValue(), '{extension}.example');
  await page.locator(`[id="p-${REALM}-row"] code.variable`, { hasText: '{extension}' }).waitFor();
  await edit.find('Server address', SERVER);
  await edit.control(SERVER).fill('192.0.2.171');
  await edit.control(SERVER).blur();
  visit.expect(409, `/api/v1/templates/${template.id}`);
  await page.getByRole('button', { name: 'Save 2 changes' }).click();
  await plan.ready();
  await visit.look('the plan of a template');
  await plan.giveUp();
  assert.equal(await edit.control(SERVER).inputValue(), '192.0.2.171', 'nothing typed is lost');
  await page.getByRole('button', { name: 'Save 2 changes' }).click();
  await plan.apply();
  const { items } = await api('GET', `/clients/${client.id}/configuration?search=${REALM}&only=desired`);
  const own = (client.basic_e164 ?? client.e164).slice(-4);
  assert.deepEqual(items.map((one) => [one.desired, one.origin]), [[`${own}.example`, 'group-template']]);

  // At the client: the origin, with a link to the value in the template.
  await visit.goto(`/clients/${client.id}/configuration`);
  await edit.ready();
  await edit.find('SIP credentials realm', REALM);
  const layers = page.getByRole('region', { name: 'Layers, strongest first' }).first();
  await layers.getByText('In force').waitFor();
  await layers.locator('code.variable', { hasText: '{extension}' }).waitFor();
  await layers.getByRole('link', { name: 'Third floor phones' }).waitFor();
  await visit.look('the layers of a value');
  await layers.getByRole('link', { name: 'Template Third floor' }).click();
  await page.getByRole('heading', { level: 1, name: 'Third floor' }).waitFor();
  await edit.control(REALM).waitFor();

  // Its page: values, who uses it, the file.
  await visit.goto(`/templates/${template.id}?tab=configuration`);
  await page.getByRole('row', { name: /SIP credentials realm/ }).waitFor();
  await visit.look('the values of a template');
  await visit.goto(`/templates/${template.id}?tab=used-by`);
  await page.getByRole('link', { name: 'Applies to 1 client' }).waitFor();
  await page.getByRole('link', { name: 'Third floor phones' }).waitFor();
  await visit.look('who uses a template');
  await visit.goto(`/templates/${template.id}?tab=history`);
  await page.getByText('Template created').waitFor();
  await visit.look('the history of a template');
  await visit.goto('/templates');
  const list = new List(page, 'Templates');
  await list.ready();
  const download = page.waitForEvent('download');
  await list.menu(list.row('Third floor'), 'Export as a file');
  const file = readFileSync(await (await download).path(), 'utf8');
  assert.match(file, /^format = "workpoint-template"/m);
  await visit.look('the list of templates');

  // A copy in no group would be for everybody: the plan says so, and it is given up.
  visit.expect(409, `/api/v1/templates/${template.id}/copy`);
  await list.menu(list.row('Third floor'), 'Copy template');
  const copy = page.getByRole('dialog', { name: 'Copy the template' });
  await copy.getByLabel('Name').fill('Everybody');
  await copy.getByRole('button', { name: 'Copy template' }).click();
  await plan.giveUp();
  await copy.getByRole('button', { name: 'Cancel' }).click();

  // Deleted with what depends on it; the phone keeps its values, which are no longer desired.
  visit.expect(409, `/api/v1/templates/${template.id}`);
  await list.menu(list.row('Third floor'), 'Delete');
  const question = page.getByRole('dialog', { name: 'Delete the template Third floor?' });
  await question.getByRole('link', { name: 'Third floor phones' }).waitFor();
  await question.getByText('Applies to 1 client').waitFor();
  await visit.look('a template to be deleted');
  await question.getByRole('button', { name: 'Delete 1 template' }).click();
  await plan.apply();
  await until('the template is gone', async () => (await api('GET', '/templates?search=Third%20floor')).total === 0);
  const { revision } = await api('GET', `/groups/${group.id}`);
  await api('DELETE', `/groups/${group.id}`, undefined, { 'if-match': `"${revision}"` });
}
