import { type ChatClient, type ChatClientOptions, createChatClient, type CustomData } from "../index.js";
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useRef,
  useState,
} from "react";

/** Either a client that the application made and closes, or what to make one of. */
export type ChatProviderProps =
  | { readonly client: ChatClient; readonly options?: never; readonly children?: ReactNode }
  | { readonly options: ChatClientOptions; readonly client?: never; readonly children?: ReactNode };

/** `null` outside of a provider; `undefined` while there is no client yet. */
const ChatContext = createContext<ChatClient | undefined | null>(null);

interface Held {
  readonly key: string;
  readonly client: ChatClient;
  uses: number;
}

/** Whose chat it is. Other options are read when a client is made. */
function keyOf({ url, userId }: ChatClientOptions): string {
  return JSON.stringify([url, userId]);
}

/** A client for as long as the component is there: none on a server, and one in StrictMode, too, which mounts everything twice. */
function useOwnClient(options: ChatClientOptions | undefined): ChatClient | undefined {
  const key = options && keyOf(options);
  const newest = useRef(options);
  const held = useRef<Held>(undefined);
  const [current, setCurrent] = useState<Held>();

  useEffect(() => {
    newest.current = options;
  });

  useEffect(() => {
    if (key === undefined) return undefined;
    let mine = held.current;
    if (mine === undefined || mine.key !== key || mine.uses === 0) {
      const given = newest.current!;
      const { token } = given;
      // A token that is a function may be another one with every render, and close over what was then.
      const fresh = (): string | Promise<string> => {
        const now = newest.current?.token ?? token;
        return typeof now === "function" ? now() : now;
      };
      mine = { key, client: createChatClient({ ...given, token: fresh }), uses: 0 };
    }
    const entry = mine;
    held.current = entry;
    entry.uses++;
    setCurrent(entry);
    return () => {
      // Not at once: what is mounted again in the same turn goes on with it.
      void Promise.resolve().then(() => {
        if (--entry.uses === 0) void entry.client.close();
      });
    };
  }, [key]);

  // Never the client of somebody else, not for one render.
  return current !== undefined && current.key === key ? current.client : undefined;
}

/**
 * Makes a client known to the hooks below it. Given `options`, it makes one in the browser once it is mounted and closes it when it is unmounted;
 * another `url` or `userId` makes another one. Given a `client`, it leaves opening and closing to the application.
 */
export function ChatProvider(props: ChatProviderProps): ReactElement {
  const own = useOwnClient(props.options);
  return createElement(ChatContext.Provider, { value: props.client ?? own }, props.children);
}

/**
 * The client of the nearest {@link ChatProvider}; undefined on a server and until the provider is mounted.
 * @throws Error outside of a provider
 */
export function useChatClient<C extends CustomData = CustomData>(): ChatClient<C> | undefined {
  const client = useContext(ChatContext);
  if (client === null) throw new Error("Put a <ChatProvider> around the components that use the chat.");
  return client as ChatClient<C> | undefined;
}
