/** For tests of what is refused: the message is compared, and nothing thrown is one too. */

/** What `action` throws. */
export async function thrownMessage(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return String((error as Error).message);
  }
  return "nothing was thrown";
}
