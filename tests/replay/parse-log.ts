/** Why a line of a log is not played. */
export type IgnoredReason = "topic" | "mode" | "empty" | "unreadable";

/** What one line of an IRC log says. */
type LogEvent =
  | { readonly type: "message" | "action" | "notice"; readonly nick: string; readonly text: string }
  | { readonly type: "join" | "leave"; readonly nick: string }
  | { readonly type: "kick"; readonly nick: string }
  | { readonly type: "rename"; readonly nick: string; readonly to: string }
  | { readonly type: "ignored"; readonly reason: IgnoredReason };

/** A line with the number by which an editor finds it. */
export type LogLine = LogEvent & { readonly line: number };

const MESSAGE = /^\[\d\d:\d\d\] <([^>]+)>(?: (.*))?$/s;
const ACTION = /^\[\d\d:\d\d\] {2}\* (\S+)(?: (.*))?$/s;
const NOTICE = /^\[\d\d:\d\d\] -([^:\s]+):#\S+- (.+)$/s;
// Some logs give "nick [user@host]", and a few nicks have a blank in them.
const HOST = String.raw`(?: \[\S+@\S+\])?`;
const JOIN = new RegExp(String.raw`^===\s*(\S.*?)${HOST}\s+has joined #\S+\s*$`);
const LEAVE = new RegExp(String.raw`^===\s*(\S.*?)${HOST}\s+has (?:left #\S+|quit\b).*$`);
const KICK = /^===\s*(\S+)\s+was kicked off #\S+ by /;
// In one line the blank before the new name is missing.
const RENAME = /^===\s*(\S.*?) is now known as\s*(\S.*?)\s*$/;
/** Logs before 2008 write actions like this; a nick holds none of `/`, `:` and `#`. */
const OLD_ACTION = /^===\s*([^\s/:#]+) (\S.*)$/;

function spoken(type: "message" | "notice", nick: string, text: string | undefined): LogEvent {
  // Chat refuses a message without text.
  return text ? { type, nick, text } : { type: "ignored", reason: "empty" };
}

function parseLine(line: string): LogEvent {
  let match = MESSAGE.exec(line);
  if (match) return spoken("message", match[1]!, match[2]);
  match = ACTION.exec(line);
  if (match) return { type: "action", nick: match[1]!, text: match[2] ? `/me ${match[2]}` : "/me" };
  match = NOTICE.exec(line);
  if (match) return spoken("notice", match[1]!, match[2]);
  match = JOIN.exec(line);
  if (match) return { type: "join", nick: match[1]! };
  match = LEAVE.exec(line);
  if (match) return { type: "leave", nick: match[1]! };
  match = KICK.exec(line);
  if (match) return { type: "kick", nick: match[1]! };
  match = RENAME.exec(line);
  if (match) return { type: "rename", nick: match[1]!, to: match[2]! };
  if (line.startsWith("=== mode/")) return { type: "ignored", reason: "mode" };
  if (/^===\s*\S*\[topic\//.test(line)) return { type: "ignored", reason: "topic" };
  match = OLD_ACTION.exec(line);
  // "=== is now known as x" and "=== x is now known as" have lost a name.
  if (match && !/(^|\s)is now known as(\s|$)/.test(line.slice(3))) {
    return { type: "action", nick: match[1]!, text: `/me ${match[2]!}` };
  }
  return { type: "ignored", reason: "unreadable" };
}

/** Reads a log of the Ubuntu IRC corpus, line by line; blank lines are none. */
export function parseLog(log: string): LogLine[] {
  const lines: LogLine[] = [];
  log.split(/\r?\n/).forEach((line, index) => {
    if (line !== "") lines.push({ ...parseLine(line), line: index + 1 });
  });
  return lines;
}
