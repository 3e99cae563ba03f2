// The second factor: set up with an app, asked for at the next sign-in; sessions and tokens of the own account.

import { strict as assert } from 'node:assert';
import { drawn, given } from '../harness.mjs';
import { confirmIdentity } from '../pages/confirm.mjs';
import { enter, signIn } from '../pages/sign-in.mjs';
import { totp } from '../totp.mjs';

export const stranger = true;
const STEP = 30_000;

export async function journey(visit) {
  const { page } = visit;
  visit.expect(403, '/api/v1/auth/');
  visit.expect(403, '/api/v1/tokens');
  await visit.goto('/account');
  await signIn(page, 'vera', given.password);
  await page.getByRole('heading', { level: 1, name: 'Own account' }).waitFor();
  await visit.look('the own account');
  await page.getByRole('link', { name: 'Password', exact: true }).click();
  await page.getByLabel('Current password').waitFor();
  await visit.look('the own password');

  await page.getByRole('link', { name: 'Second factor' }).click();
  await page.getByRole('button', { name: 'Set up second factor' }).click();
  const dialog = page.getByRole('dialog', { name: 'Set up second factor' });
  const picture = dialog.getByRole('img', { name: 'QR code for the authenticator app' });
  const identity = dialog.getByRole('button', { name: 'Confirm and go on' });
  await picture.or(identity).first().waitFor();
  if (await identity.isVisible()) await confirmIdentity(dialog, given.password);
  await picture.waitFor();
  await dialog.getByText('Type the data by hand', { exact: true }).click();
  await visit.look('setting up the second factor');
  const secret = (await dialog.locator('dd.mono, dd .mono').first().innerText()).trim();
  await dialog.getByRole('textbox').first().fill(totp(secret, Date.now()));
  await dialog.getByRole('button', { name: 'Activate second factor' }).click();
  const codes = page.getByRole('dialog', { name: 'Recovery codes' });
  await codes.waitFor();
  await visit.look('the recovery codes');
  // Shown once: it does not close by mistake, and says itself that they were copied.
  for (let press = 0; press < 5; press += 1) await page.keyboard.press('Escape');
  await drawn(page);
  assert.ok(await codes.isVisible());
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await codes.getByRole('button', { name: /^Copy/ }).click();
  await codes.getByRole('status').getByText('Copied.').waitFor();
  assert.equal(await codes.getByRole('button', { name: 'Close' }).count(), 0);
  await codes.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('Signing in asks for a code').waitFor();
  await visit.look('a second factor');

  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByText('This session').waitFor();
  await visit.look('the sessions');
  await page.getByRole('link', { name: 'API tokens' }).click();
  await page.getByRole('button', { name: 'New API token' }).first().click();
  const token = page.getByRole('dialog').first();
  await token.getByLabel('Name').fill('nightly export');
  await visit.look('a new token');
  await token.getByRole('button', { name: 'Make API token' }).click();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByText('nightly export', { exact: true }).waitFor();
  await visit.look('the tokens');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await enter(page, 'vera', given.password);
  await page.getByRole('heading', { level: 1, name: 'Second factor' }).waitFor();
  await visit.look('the second step');
  // The code that set it up counts no more.
  await page.getByLabel('Code', { exact: true }).fill(totp(secret, Date.now() + STEP));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('banner').waitFor();
}
