// Signing in, and the forced change of the password.

/** Signs in; for accounts with nothing more to ask. */
export async function signIn(page, user, password) {
  await enter(page, user, password);
  await page.getByRole('banner').waitFor();
}

/** Name and password only. */
export async function enter(page, user, password) {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Chooses a new password where it is asked for. */
export async function choosePassword(page, old, fresh) {
  await page.getByLabel('Current password').fill(old);
  await page.getByLabel('New password', { exact: true }).fill(fresh);
  await page.getByLabel('New password again').fill(fresh);
  await page.getByRole('button', { name: 'Change password' }).click();
}

/** Sets the language of the account, as the menu does. */
export async function speak(page, language) {
  const status = await page.evaluate(async (wanted) => {
    const session = await (await fetch('/api/v1/auth/session')).json();
    const answer = await fetch('/api/v1/auth/details', {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrf_token },
      body: JSON.stringify({ language: wanted, email: session.email }),
    });
    return answer.status;
  }, language);
  if (status >= 300) throw new Error(`the language of the account: ${status}`);
}
