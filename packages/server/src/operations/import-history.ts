import { ChatError, isChatError } from "@chat/protocol";
import { contentBytes } from "../store/content-bytes.js";
import { appendImported } from "./append-imported.js";
import { importConversation } from "./import-conversation.js";
import { type ImportedMessage, type ImportRow, parseImportRow } from "./import-row.js";
import type { OperationContext } from "./operation-context.js";
import { assertContent } from "./send-messages.js";

/** Messages that are stored in one commit, so that others' get through in between. */
const MESSAGES_AT_ONCE = 200;
/** Bytes of text and data after which a batch is stored, whatever it lacks of that. */
const BYTES_AT_ONCE = 1_048_576;

/** How far an import has come. */
export interface ImportProgress {
  /** Rows that are dealt with. */
  readonly rows: number;
  /** Conversations that are there now, whether this run created them or found them. */
  readonly conversations: number;
  /** Messages that this run stored. */
  readonly messages: number;
  /** Messages that were stored before, and were passed over. */
  readonly duplicates: number;
  /** Rows that were refused. */
  readonly refused: number;
}

/** A row that can't be imported as it is. */
export interface RefusedRow {
  /** Which one, from 1. */
  readonly row: number;
  readonly externalId?: string;
  /** Not retryable: the row must be mended. */
  readonly error: ChatError;
}

/** Rows, or lines of JSON with one each. */
export type ImportRows = AsyncIterable<ImportRow | string> | Iterable<ImportRow | string>;

/** How an import is watched. */
export interface ImportOptions {
  /** Called after each batch; what it counts is durable. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Called for each row that is refused; the others go on. Without it the first one ends the import. */
  readonly onRefused?: (refused: RefusedRow) => void;
  /** Ends the import after the batch that is under way. */
  readonly signal?: AbortSignal;
}

/**
 * Imports old history, from wherever: conversations and messages with the times of their own. The messages get their ids in the order of the
 * rows, behind what the conversation holds already. Each is stored once, however often it is imported: an import that was
 * interrupted is run again from the start. Devices that are connected get what is new by the change feed, not message by message.
 * No rates, hooks or roles: the senders need not be members.
 * @param rows empty lines are passed over; read no faster than they are stored
 * @param ready resolves when the store can be used
 * @throws ChatError of the first refused row (`invalid_argument`, `not_found`, `text_too_long`…), its number in the sentence, if nobody
 * listens to `onRefused`; `store_unavailable`, `closed` (run it again, it goes on); `aborted`; and what reading the rows throws
 */
export async function importHistory(
  context: OperationContext,
  rows: ImportRows,
  { onProgress, onRefused, signal }: ImportOptions = {},
  ready: Promise<unknown> = Promise.resolve(),
): Promise<ImportProgress> {
  // Before anything is awaited: the lines of `readline` are lost until somebody iterates over them.
  const given = begin(rows);
  const count = { rows: 0, conversations: 0, messages: 0, duplicates: 0, refused: 0 };
  let batch: { readonly row: number; readonly message: ImportedMessage }[] = [];
  let bytes = 0;

  function refuse(row: number, error: unknown, externalId?: string): void {
    if (!isChatError(error) || error.retryable) throw error;
    count.refused++;
    if (onRefused === undefined) {
      throw new ChatError(error.code, `Row ${row}: ${error.message}`, { cause: error });
    }
    onRefused({ row, error, ...(externalId !== undefined && { externalId }) });
  }

  async function store(): Promise<void> {
    const messages = batch;
    [batch, bytes] = [[], 0];
    if (messages.length === 0) return;
    const outcomes = await appendImported(
      context,
      messages.map(({ message }) => message),
    );
    for (const [index, outcome] of outcomes.entries()) {
      const { row, message } = messages[index]!;
      if (outcome.status === "refused") refuse(row, outcome.error, message.externalId);
      else if (outcome.status === "stored") count.messages++;
      else count.duplicates++;
    }
  }

  /** The row, or what is wrong with it. */
  function read(given: ImportRow | string): ImportRow | ChatError {
    try {
      const parsed = parseImportRow(given);
      if (parsed.type === "message") assertContent(context, parsed);
      return parsed;
    } catch (error) {
      if (isChatError(error)) return error;
      throw error;
    }
  }

  /** True if a message answers one that waits in the batch, and has no messageId yet. */
  function waitsForBatch({ conversationId, replyTo }: ImportedMessage): boolean {
    return (
      replyTo !== undefined &&
      batch.some(
        ({ message }) =>
          message.externalId === replyTo.externalId &&
          message.senderId === replyTo.senderId &&
          message.conversationId === conversationId,
      )
    );
  }

  async function take(parsed: ImportRow | ChatError, row: number): Promise<void> {
    // What comes before is stored first, so that the row's number says how far the import has come.
    if (isChatError(parsed) || parsed.type === "conversation" || waitsForBatch(parsed)) await store();
    if (isChatError(parsed)) return refuse(row, parsed);
    if (parsed.type === "message") {
      batch.push({ row, message: parsed });
      bytes += contentBytes(parsed);
      return;
    }
    try {
      await importConversation(context, parsed);
      count.conversations++;
    } catch (error) {
      refuse(row, error);
    }
  }

  await ready.catch(async (error: unknown) => {
    await given.return?.();
    throw error;
  });
  for await (const row of { [Symbol.asyncIterator]: () => given }) {
    if (signal?.aborted === true) {
      throw new ChatError("aborted", "The import was ended; run it again to go on.");
    }
    count.rows++;
    if (typeof row === "string" && row.trim() === "") continue;
    await take(read(row), count.rows);
    if (batch.length < MESSAGES_AT_ONCE && bytes < BYTES_AT_ONCE) continue;
    await store();
    onProgress?.({ ...count });
  }
  await store();
  onProgress?.({ ...count });
  return count;
}

function begin(rows: ImportRows): AsyncIterator<ImportRow | string> {
  // A string is an iterable of characters, and surely meant to be a file.
  if (typeof rows === "string") {
    throw new ChatError("invalid_argument", "Give rows or lines: a list, a stream's lines, a generator.");
  }
  if (Symbol.asyncIterator in rows) return rows[Symbol.asyncIterator]();
  const iterator = rows[Symbol.iterator]();
  return {
    next: () => Promise.resolve(iterator.next()),
    return: () => Promise.resolve(iterator.return?.() ?? { done: true, value: undefined }),
  };
}
