import { currentRoute } from "./route.js";
import { forgetLogin, saveLogin, savedLogin } from "./saved-login.js";
import { showChat } from "./views/chat-screen.js";
import { askForLogin } from "./views/login.js";

/*
 * For tests, these data-testid attributes stay as they are:
 *
 * login-name, login-submit, login-error    the first screen
 * conversation-list                        holds conversation-item (data-conversation-id, data-new="true");
 *                                          in each conversation-name, conversation-snippet, new-mark
 * conversation-title, back, open-members   header of the conversation
 * message-list                             holds message, day, event (who came and went) and folded (what blocked people wrote)
 * message                                  data-message-id once stored; data-state="pending|stored|failed" if own,
 *                                          data-status="pending|stored|delivered|read|failed";
 *                                          data-redacted="true" once deleted;
 *                                          holds sender, message-text, message-state, if own delete, and if failed retry, discard
 * load-older, new-messages, timeline-note  older ones, newer ones out of sight, what is missing
 * composer, composer-error, send
 * offline-banner, banner-action            the banner has the class "shown" while there is something to say
 * connection-status                        data-connection="connecting|online|offline|stopped|closed",
 *                                          data-pending="3", data-synced="true"
 * work-offline, memory-notice
 * new-direct                               opens a dialog: direct-name, direct-submit, dialog-error
 * new-group                                group-name, group-members, group-submit, dialog-error
 * open-profile, my-name                    profile-user-id, profile-name, profile-submit, dialog-error,
 *                                          tell-typing, tell-read-receipts, privacy-note,
 *                                          second-person, log-out, notifications (aria-pressed), notifications-note
 * open-conversation-settings               tell-typing-here, tell-read-receipts-here (default, true, false), block,
 *                                          close-conversation-settings, conversation-settings-error
 * cannot-write                             stands in place of the composer
 * members                                  a panel: member-list, member (data-user-id), block-member (aria-pressed), remove-member,
 *                                          add-member-name, add-member, members-error, leave, close-members
 */

async function run(): Promise<never> {
  for (;;) {
    let login = currentRoute().screen === "login" ? undefined : savedLogin();
    if (login === undefined) {
      login = await askForLogin();
      saveLogin(login);
      if (currentRoute().screen === "login") history.replaceState(null, "", "#/");
    }
    await showChat(login);
    forgetLogin(login);
  }
}

// Keeps the page itself for when there is no connection. Plain http has none, except on this machine.
if (import.meta.env.PROD) void navigator.serviceWorker?.register("/service-worker.js").catch(() => {});
void run();
