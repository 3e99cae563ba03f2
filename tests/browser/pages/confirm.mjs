// The question who one is, inside the dialog that needs it.

/** Answers with the password when it is asked for; does nothing when the dialog closes without. */
export async function confirmIdentity(dialog, password) {
  const go = dialog.getByRole('button', { name: 'Confirm and go on' });
  await Promise.race([go.waitFor(), dialog.waitFor({ state: 'detached' })]);
  if (!(await go.isVisible())) return;
  await dialog.getByLabel('Your password').fill(password);
  await go.click();
}
