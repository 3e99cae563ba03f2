// An account is made and disabled; a setting is changed; the audit shows both.

import { api } from '../api.mjs';
import { given } from '../harness.mjs';
import { confirmIdentity } from '../pages/confirm.mjs';
import { List } from '../pages/list.mjs';

const LIMIT = 'server-settings.jobs.confirm-beyond';
const MOST = 'server-settings.jobs.most-dangerous-targets';

export async function journey(visit) {
  const { page } = visit;
  // The identity is confirmed anew when it was not for a while.
  visit.expect(403, '/api/v1/');
  await visit.goto('/accounts');
  const list = new List(page, 'Accounts');
  await list.ready();
  await visit.look('the accounts');
  await page.getByRole('button', { name: 'New account' }).click();
  const form = page.getByRole('dialog', { name: 'New account' });
  await form.getByLabel('User name').fill('ingrid');
  await form.getByLabel('First password').fill('seven green bottles on a wall');
  await form.getByLabel('Viewer').check();
  await visit.look('a new account');
  await form.getByRole('button', { name: 'Create account' }).click();
  await confirmIdentity(form, given.password);
  await form.waitFor({ state: 'detached' });
  await list.row('ingrid').getByText('Must change the password').waitFor();

  await list.row('ingrid').click();
  await page.getByRole('complementary', { name: 'Account' }).getByRole('heading', { name: 'ingrid' }).waitFor();
  await visit.look('an account');
  await page.keyboard.press('Escape');
  await list.menu(list.row('ingrid'), 'Disable');
  const question = page.getByRole('dialog', { name: 'Disable ingrid?' });
  await question.getByRole('button', { name: /^Disable/ }).click();
  await confirmIdentity(question, given.password);
  await question.waitFor({ state: 'detached' });
  await list.row('ingrid').getByText('Disabled').waitFor();

  await visit.goto('/settings');
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await visit.look('the settings');
  await page.getByRole('searchbox').fill('confirm-beyond');
  const field = page.locator(`[id="${LIMIT}"]`).getByRole('textbox');
  await field.fill('a few');
  await field.blur();
  await visit.look('a fault in a setting');
  await field.fill('25');
  await page.getByRole('button', { name: 'Review one change' }).click();
  const review = page.getByRole('dialog', { name: 'Change settings' });
  await visit.look('a setting before it is changed');
  await review.getByRole('button', { name: 'Change setting' }).click();
  await confirmIdentity(review, given.password);
  await page.getByText('Setting changed.').waitFor();

  // What was typed and not submitted is not lost without a question.
  const pages = page.getByRole('navigation', { name: 'Main menu' });
  await field.fill('26');
  await pages.getByRole('link', { name: 'Jobs' }).click();
  const leaving = page.getByRole('dialog', { name: 'Leave without submitting?' });
  await leaving.getByRole('button', { name: 'Stay' }).click();
  await leaving.waitFor({ state: 'detached' });
  await pages.getByRole('link', { name: 'Jobs' }).click();
  await leaving.getByRole('button', { name: 'Leave without submitting' }).click();
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();

  // Somebody else changes what is about to be changed: it is seen, and then done.
  visit.expect(412, '/api/v1/settings/');
  await visit.goto('/settings?q=most-dangerous');
  await page.locator(`[id="${MOST}"]`).getByRole('textbox').fill('900');
  await page.getByRole('button', { name: 'Review one change' }).click();
  await review.getByText('1000').first().waitFor();
  const { revision } = await api('GET', `/settings/${MOST}`);
  await api('PUT', `/settings/${MOST}`, { value: 950 }, { 'if-match': `"${revision}"` });
  await review.getByRole('button', { name: 'Change setting' }).click();
  await review.getByText('Different now:').waitFor();
  await review.getByRole('button', { name: 'Change setting' }).click();
  await page.getByText('Setting changed.').waitFor();

  await visit.goto('/audit');
  const audit = new List(page, 'Records');
  await audit.ready();
  await visit.look('the audit');
  await page.getByText(/^Chain intact/).waitFor();
  await audit.search('confirm-beyond');
  await audit.row('Type the number beyond').getByRole('link').first().click();
  await page.getByRole('complementary').getByText('25').first().waitFor();
  await visit.look('a record');
  await audit.search('ingrid');
  await audit.row('Account created').waitFor();
  // Disabling says whom it was about, too; a record that the search leaves out has no drawer any more.
  await audit.row('Account changed').getByText('ingrid').waitFor();
  await page.getByRole('complementary').waitFor({ state: 'detached' });
}
