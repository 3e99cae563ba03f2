// Fields of clients and groups: a filter built condition by condition, counted while it is typed, read back, saved.

import { strict as assert } from 'node:assert';
import { api, clients } from '../api.mjs';
import { given } from '../harness.mjs';
import { Filter } from '../pages/fleet.mjs';
import { List } from '../pages/list.mjs';

export async function journey(visit) {
  const { page } = visit;
  const numbers = (await clients()).map((one) => one.e164).filter(Boolean).sort();

  // A field.
  await visit.goto('/groups/fields');
  await page.getByRole('button', { name: 'New field' }).click();
  const form = page.getByRole('dialog', { name: 'New field' });
  await form.getByLabel('Label').fill('Cost centre');
  assert.equal(await form.getByLabel('Name').inputValue(), 'cost_centre');
  await form.getByText('{cost_centre}').waitFor();
  await form.getByLabel('Name').fill('e164');
  await form.getByLabel('Label').focus();
  await form.getByText('a variable that every client has already').waitFor();
  await visit.look('a name that is taken');
  await form.getByLabel('Name').fill('cost_centre');
  await form.getByRole('button', { name: 'Create field' }).click();
  await page.getByRole('rowheader', { name: 'Cost centre' }).waitFor();
  await visit.look('the fields of clients');

  // A group with two conditions and a block.
  await visit.goto('/groups');
  await page.getByRole('link', { name: 'New group' }).click();
  const filter = new Filter(page);
  await page.getByLabel('Name', { exact: true }).fill('First floor');
  await page.getByText('Complete the conditions to count the clients.').waitFor();
  await filter.set(1, 'Number', 'is from … to', numbers[0], numbers[4]);
  await page.getByText('5 clients belong to this filter').waitFor();
  await page.getByText(`whose number is from ${numbers[0]} to ${numbers[4]}`).waitFor();
  await visit.look('a filter that is counted');
  await page.getByRole('button', { name: 'Add condition' }).click();
  await filter.set(2, 'IP address', 'is in the network', 'not a network');
  await filter.condition(2).getByRole('textbox').blur();
  await filter.condition(2).getByText('Enter a network such as 10.1.0.0/16.').waitFor();
  await visit.look('a condition that is wrong');
  await filter.set(2, 'IP address', 'is in the network', '127.0.0.0/8');
  await page.getByText('5 clients belong to this filter').waitFor();
  await page.getByRole('button', { name: 'Add block' }).click();
  await filter.set(3, 'Software version', 'is at least', 'V1 R0.0');
  await page.getByRole('group', { name: 'Block of conditions' }).getByRole('button', { name: 'Add condition' }).click();
  await filter.set(4, 'Field: Cost centre', 'is', '4711');
  await page.getByText(/and \(whose software version is at least V1 R0\.0 or whose field “Cost centre” is 4711\)\./).waitFor();
  await page.getByText('5 clients belong to this filter').waitFor();
  await visit.look('a filter with a block');
  await page.getByRole('button', { name: 'Create group' }).click();
  await page.getByRole('heading', { level: 1, name: 'First floor' }).waitFor();
  const group = (await api('GET', '/groups?search=First%20floor')).items[0];
  assert.deepEqual([group.members, group.subjects], [5, ['e164', 'address', 'software-version', 'client-field']]);

  // Its members, and the list.
  await page.getByRole('link', { name: 'Show all 5' }).click();
  const list = new List(page, 'Clients');
  await list.ready();
  assert.equal(await list.rows.count(), 5);
  await visit.goto('/groups');
  const groups = new List(page, 'Groups');
  await groups.ready();
  await groups.row('First floor').getByText('Software version').waitFor();
  await visit.look('the list of groups');

  // A field that is in use stays.
  visit.expect(409, '/api/v1/client-fields/');
  await visit.goto('/groups/fields');
  await page.getByRole('row', { name: /Cost centre/ }).getByRole('button', { name: /^Actions/ }).click();
  await page.getByRole('menuitem', { name: 'Delete field' }).click();
  const question = page.getByRole('dialog', { name: 'Delete the field Cost centre?' });
  await question.getByText('It is used by: First floor.').waitFor();
  await visit.look('a field in use');
  await question.getByRole('button', { name: 'Delete field' }).click();
  await question.getByRole('alert').first().waitFor();
  await question.getByRole('button', { name: 'Cancel' }).click();

  // Changed, and what is not saved asks before it is left.
  await visit.goto(`/groups/${group.id}`);
  await page.getByRole('button', { name: 'Remove the block' }).click();
  await page.getByText(/127\.0\.0\.0\/8\.$/).waitFor();
  await page.getByRole('link', { name: 'Templates' }).click();
  const leaving = page.getByRole('dialog', { name: 'Leave without submitting?' });
  await leaving.getByRole('button', { name: 'Stay' }).click();
  await page.getByRole('button', { name: 'Save group' }).click();
  await page.getByText('Group First floor saved.').waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Delete the group First floor?' }).getByRole('button', { name: 'Delete 1 group' }).click();
  await page.getByRole('heading', { level: 1, name: 'Groups' }).waitFor();
  assert.ok(given.phones >= 5 && (await api('GET', '/groups?search=First%20floor')).total === 0);
  await api('DELETE', '/client-fields/cost_centre', undefined, { 'if-match': '"1"' });
}
