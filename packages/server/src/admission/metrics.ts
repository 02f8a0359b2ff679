import type { Clock, Logger } from "@chat/protocol";
import type { MessageStore } from "../store/message-store.js";
import { loggableError } from "./loggable-error.js";

/** What is counted, upwards only. */
export type CounterName =
  /** Frames of devices, and frames to devices. */
  | "chat_frames_received_total"
  | "chat_frames_sent_total"
  /** Messages whose senders were told that they are stored, resends included. */
  | "chat_messages_acknowledged_total"
  /** Requests and connections that were refused, by `code`. */
  | "chat_refusals_total"
  /** Times that the store was read because fan-out had lost or overtaken something. */
  | "chat_gap_reads_total"
  /** Connections that were closed because they did not take what was sent to them. */
  | "chat_slow_consumers_total";

/** What is read off now and then. */
export type GaugeName = "chat_connections";

/** What is spread over a range; milliseconds. */
export type HistogramName =
  /** From handing messages to the store to their being durable. */
  | "chat_append_milliseconds"
  /** The longest that the event loop kept anything waiting, once in a `metricsInterval`. */
  | "chat_event_loop_delay_milliseconds";

/**
 * Where figures go: a few lines over prom-client, OpenTelemetry or StatsD, see docs/security.md. Nothing is called per
 * delivery: counters are added up and handed over once in a `metricsInterval`.
 */
export interface Metrics {
  counter(name: CounterName, increment: number, labels?: { readonly code: string }): void;
  gauge(name: GaugeName, value: number): void;
  histogram(name: HistogramName, value: number): void;
}

/** The application's metrics, whatever they throw: figures must not cost an answer, nor end the process. Logged once. */
export function guardedMetrics(metrics: Metrics, log: Logger): Metrics {
  let isTold = false;
  const guarded = (report: () => void): void => {
    try {
      report();
    } catch (error) {
      if (!isTold) log("warn", "metrics_failed", { ...loggableError(error) });
      isTold = true;
    }
  };
  return {
    counter: (...figure) => guarded(() => metrics.counter(...figure)),
    gauge: (...figure) => guarded(() => metrics.gauge(...figure)),
    histogram: (...figure) => guarded(() => metrics.histogram(...figure)),
  };
}

/** The message store, with the time that it takes to append. */
export function measuredMessages(messages: MessageStore, clock: Clock, metrics: Metrics): MessageStore {
  return {
    async append(drafts) {
      const began = clock.monotonic();
      const outcomes = await messages.append(drafts);
      metrics.histogram("chat_append_milliseconds", clock.monotonic() - began);
      return outcomes;
    },
    find: (key) => messages.find(key),
    read: (query) => messages.read(query),
    wipe: (query) => messages.wipe(query),
    heads: (conversationIds) => messages.heads(conversationIds),
  };
}

/** The message store as delivery reads gaps from it, counted. */
export function countedReads(messages: MessageStore, count: () => void): MessageStore {
  return {
    append: (drafts) => messages.append(drafts),
    find: (key) => messages.find(key),
    read(query) {
      count();
      return messages.read(query);
    },
    wipe: (query) => messages.wipe(query),
    heads: (conversationIds) => messages.heads(conversationIds),
  };
}
