/** What the server says of a message that waits, unless the application composes it otherwise. */
export interface PushNotice {
  readonly conversationId: string;
  readonly conversationType?: "direct" | "group";
  readonly conversationName?: string;
  readonly messageId?: number;
  readonly senderId?: string;
  readonly senderName?: string;
  readonly kind?: string;
  readonly text?: string;
  /** Wall-clock ms. */
  readonly createdAt?: number;
  readonly unread?: number;
  /** True if the message mentions the user. */
  readonly mention?: boolean;
}

/** A notification as the browser shows it. */
export interface ShownNotice {
  readonly title: string;
  readonly body?: string | undefined;
  readonly icon?: string | undefined;
  readonly badge?: string | undefined;
}

/** How pushes are shown. */
export interface ShowOptions {
  /** What a notification looks like; nothing for none (browsers then may show one of their own). By default the sender, the conversation and the text, behind an @ what mentions the user. */
  readonly show?: ((notice: PushNotice) => ShownNotice | undefined) | undefined;
  /** Where a click leads, relative to the service worker; an open page of the application goes there, or a new one. By default `/`. */
  readonly open?: ((notice: PushNotice) => string) | undefined;
}

interface WaitingEvent {
  waitUntil(promise: Promise<unknown>): void;
}

interface PushedEvent extends WaitingEvent {
  readonly data: { json(): unknown } | null;
}

interface ClickedEvent extends WaitingEvent {
  readonly notification: { readonly data?: unknown; close(): void };
}

interface Page {
  readonly visibilityState?: string;
  focus(): Promise<unknown>;
  navigate(url: string): Promise<unknown>;
}

/** What is asked of a service worker's `self`. */
export interface PushScope {
  addEventListener(type: "push", listener: (event: PushedEvent) => void): void;
  addEventListener(type: "notificationclick", listener: (event: ClickedEvent) => void): void;
  readonly registration: {
    showNotification(title: string, options: object): Promise<void>;
  };
  readonly clients: {
    matchAll(options: {
      readonly type: "window";
      readonly includeUncontrolled: boolean;
    }): Promise<readonly unknown[]>;
    openWindow(url: string): Promise<unknown>;
  };
}

/**
 * In the service worker, at its start: shows what the server pushes, one notification a conversation, the newest in place of
 * the one before; and none while the application is on the screen, which has the message by itself. A click opens it.
 * @param scope `self`
 */
export function showPushes(scope: PushScope, { show = look, open = () => "/" }: ShowOptions = {}): void {
  const pages = async (): Promise<readonly Page[]> =>
    (await scope.clients.matchAll({ type: "window", includeUncontrolled: true })) as readonly Page[];

  async function pushed(notice: PushNotice): Promise<void> {
    if ((await pages()).some(({ visibilityState }) => visibilityState === "visible")) return;
    const { title, ...shown } = show(notice) ?? {};
    if (title === undefined) return;
    const { conversationId, createdAt } = notice;
    await scope.registration.showNotification(title, {
      ...shown,
      ...{ tag: conversationId, renotify: true, data: notice },
      ...(createdAt !== undefined && { timestamp: createdAt }),
    });
  }

  async function clicked(notice: PushNotice): Promise<void> {
    const [page] = await pages();
    const url = open(notice);
    if (!page) return void (await scope.clients.openWindow(url));
    await page.focus();
    // A page that this worker does not control can't be sent elsewhere.
    await page.navigate(url).catch(() => {});
  }

  scope.addEventListener("push", (event) => {
    const notice = noticeOf(() => event.data?.json());
    if (notice) event.waitUntil(pushed(notice));
  });
  scope.addEventListener("notificationclick", (event) => {
    const notice = noticeOf(() => event.notification.data);
    // Another's, of the application itself.
    if (!notice) return;
    event.notification.close();
    event.waitUntil(clicked(notice));
  });
}

function look({
  conversationName,
  senderName,
  senderId,
  text,
  unread = 1,
  mention,
}: PushNotice): ShownNotice {
  const sender = senderName ?? senderId ?? "";
  const more = unread > 1 ? ` (${unread})` : "";
  return {
    title:
      (mention ? "@ " : "") +
      (conversationName === undefined ? sender : `${sender} · ${conversationName}`) +
      more,
    ...(text !== undefined && { body: text }),
  };
}

/** What is no notice of the chat server's is another's business. */
function noticeOf(read: () => unknown): PushNotice | undefined {
  try {
    const notice = read();
    const isNotice = typeof notice === "object" && notice !== null && "conversationId" in notice;
    return isNotice && typeof notice.conversationId === "string" ? (notice as PushNotice) : undefined;
  } catch {
    return undefined;
  }
}
