// The first minutes: the password of the installation must be changed, a link leads on after signing in, signing out.

import { strict as assert } from 'node:assert';
import { given } from '../harness.mjs';
import { choosePassword, enter, signIn } from '../pages/sign-in.mjs';

export const stranger = true;
const FRESH = 'quiet harbour with seven lamps';

export async function journey(visit) {
  const { page } = visit;
  visit.expect(401, '/api/v1/auth/sign-in');
  visit.expect(422, '/api/v1/auth/password');
  // Until the password is changed, nothing else is answered.
  visit.expect(403, '/api/v1/');
  await visit.goto('/clients?sort=-last_contact_at');
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await visit.look('signing in');

  await enter(page, given.user, 'not the password at all');
  await page.getByRole('alert').waitFor();
  await visit.look('a wrong password');
  await enter(page, given.user, given.password);

  await page.getByRole('heading', { level: 1, name: 'Choose a new password' }).waitFor();
  await visit.look('the forced change');
  await choosePassword(page, given.password, FRESH);
  // The link that was asked for first.
  await page.getByRole('heading', { level: 1, name: /^Clients/ }).waitFor();
  assert.match(page.url(), /\/clients\?sort=-last_contact_at/);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await visit.goto('/jobs');
  await signIn(page, given.user, FRESH);
  await page.getByRole('heading', { level: 1, name: /^Jobs/ }).waitFor();
  await page.getByRole('link', { name: 'Workpoint' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await visit.look('the overview');
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  const csrf = await page.evaluate(async () => (await (await fetch('/api/v1/auth/session')).json()).csrf_token);
  assert.ok(csrf.length > 20);
  for (const secret of [csrf, FRESH, 'token', 'csrf', 'password']) {
    assert.ok(!kept.toLowerCase().includes(secret.toLowerCase()), `the browser's storage: ${kept}`);
  }
}
