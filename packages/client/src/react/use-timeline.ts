import type {
  ChatError,
  Completeness,
  CustomData,
  PagingOptions,
  Timeline,
  TimelineMessage,
  TimelineWindow,
} from "../index.js";
import { useEffect, useMemo, useState } from "react";
import { useConversation } from "./use-conversations.js";
import { useSnapshot } from "./use-snapshot.js";

/** What of a conversation is shown. */
export interface UseTimelineOptions {
  /** messageId to jump to; absent: the conversation's end. */
  readonly around?: number | undefined;
}

/** What {@link useTimeline} gives. */
export interface TimelineView<C extends CustomData = CustomData> {
  readonly messages: readonly TimelineMessage<C>[];
  readonly state: Completeness;
  readonly hasOlder: boolean;
  /** True while what was jumped to has not reached the conversation's end. */
  readonly hasNewer: boolean;
  /** Why a jump failed. */
  readonly error: ChatError | undefined;
  /** Puts older messages before the first. @throws ChatError as `Timeline.loadOlder` */
  loadOlder(options?: PagingOptions): Promise<void>;
  /** Puts newer messages behind the last, where there are any. @throws ChatError as `TimelineWindow.loadNewer` */
  loadNewer(options?: PagingOptions): Promise<void>;
}

const NONE: readonly TimelineMessage[] = Object.freeze([]);

interface Jump<C extends CustomData> {
  readonly timeline: Timeline<C>;
  readonly around: number;
  readonly window?: TimelineWindow<C>;
  readonly error?: ChatError;
}

/** The window that was jumped to, for as long as the same is asked for. */
function useJump<C extends CustomData>(
  timeline: Timeline<C> | undefined,
  around: number | undefined,
): Jump<C> | undefined {
  const [jump, setJump] = useState<Jump<C>>();
  useEffect(() => {
    if (timeline === undefined || around === undefined) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    let opened: TimelineWindow<C> | undefined;
    timeline.window({ around, signal }).then(
      (window) => {
        opened = window;
        if (signal.aborted) window.close();
        else setJump({ timeline, around, window });
      },
      (error: ChatError) => {
        if (!signal.aborted) setJump({ timeline, around, error });
      },
    );
    return () => {
      controller.abort();
      opened?.close();
      // Asked for once more, it is opened anew.
      setJump(undefined);
    };
  }, [timeline, around]);
  return jump?.timeline === timeline && jump?.around === around ? jump : undefined;
}

/**
 * What the screen shows of a conversation: its end, or what lies around a message. Renders again whenever that changed; shows nothing
 * while this device does not know the conversation, or while a jump is under way (`state` is `filling` then).
 */
export function useTimeline<C extends CustomData = CustomData>(
  conversationId: string | undefined,
  { around }: UseTimelineOptions = {},
): TimelineView<C> {
  const timeline = useConversation<C>(conversationId)?.timeline;
  const jump = useJump(timeline, around);
  const source: Timeline<C> | TimelineWindow<C> | undefined = around === undefined ? timeline : jump?.window;
  const messages = useSnapshot(source, ({ messages }) => messages, NONE as readonly TimelineMessage<C>[]);
  const state = useSnapshot(source, ({ state }) => state, jump?.error ? "gap" : "filling");
  const hasOlder = useSnapshot(source, ({ hasOlder }) => hasOlder, false);
  const hasNewer = useSnapshot(source, (source) => "hasNewer" in source && source.hasNewer, false);
  const error = jump?.error;
  return useMemo(
    () => ({
      messages,
      state,
      hasOlder,
      hasNewer,
      error,
      loadOlder: async (options) => source?.loadOlder(options),
      loadNewer: async (options) => (source && "loadNewer" in source ? source.loadNewer(options) : undefined),
    }),
    [source, messages, state, hasOlder, hasNewer, error],
  );
}
