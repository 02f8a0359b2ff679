import { expect, test } from "vitest";
import { parseLog } from "./parse-log.js";

const cases: [string, object][] = [
  ["[12:18] <|trey|> usual: hi  :)", { type: "message", nick: "|trey|", text: "usual: hi  :)" }],
  ["[12:18] <a>  two blanks ", { type: "message", nick: "a", text: " two blanks " }],
  [
    "[12:18] <g[r] eek> a nick with a blank",
    { type: "message", nick: "g[r] eek", text: "a nick with a blank" },
  ],
  ["[12:18] <a> <b> quoted", { type: "message", nick: "a", text: "<b> quoted" }],
  ["[21:31] <a> €*°!°*€ précédente", { type: "message", nick: "a", text: "€*°!°*€ précédente" }],
  ["[12:15] <opteron>", { type: "ignored", reason: "empty" }],
  ["[12:15] <opteron> ", { type: "ignored", reason: "empty" }],
  ["[15:05]  * genii slides a coffee", { type: "action", nick: "genii", text: "/me slides a coffee" }],
  ["[11:27]  * TheHawk", { type: "action", nick: "TheHawk", text: "/me" }],
  ["=== Matt| scrolls up", { type: "action", nick: "Matt|", text: "/me scrolls up" }],
  ["=== tsw has also windows now", { type: "action", nick: "tsw", text: "/me has also windows now" }],
  [
    "=== LockNinja join irc.example.org",
    { type: "action", nick: "LockNinja", text: "/me join irc.example.org" },
  ],
  ["[01:26] -yqitx:#ubuntu- hear ye", { type: "notice", nick: "yqitx", text: "hear ye" }],
  ["=== tuxx  has joined #ubuntu", { type: "join", nick: "tuxx" }],
  ["=== tuxx has joined #ubuntu", { type: "join", nick: "tuxx" }],
  ["=== Asl[a] n  has joined #UBUNTU", { type: "join", nick: "Asl[a] n" }],
  ["=== _ [n=mk14@192.0.2.1]  has joined #ubuntu", { type: "join", nick: "_" }],
  ["=== topyli  has left #ubuntu []", { type: "leave", nick: "topyli" }],
  ['=== rake  has left #ubuntu ["Leaving"]', { type: "leave", nick: "rake" }],
  ["=== rake has quit IRC (Ping timeout)", { type: "leave", nick: "rake" }],
  ["=== el was kicked off #ubuntu by LoRez (LoRez)", { type: "kick", nick: "el" }],
  ["=== usual is now known as ubuntor", { type: "rename", nick: "usual", to: "ubuntor" }],
  ["=== drage is now known asD_rage", { type: "rename", nick: "drage", to: "D_rage" }],
  ["===sassyn is now known as sassyn", { type: "rename", nick: "sassyn", to: "sassyn" }],
  ["=== is now known as [sanyi]", { type: "ignored", reason: "unreadable" }],
  ["=== n0mad_ is now known as", { type: "ignored", reason: "unreadable" }],
  ["=== mode/#ubuntu  by Seveas", { type: "ignored", reason: "mode" }],
  ["=== ..[topic/#ubuntu:Seveas] : Official", { type: "ignored", reason: "topic" }],
  ["no line of a log", { type: "ignored", reason: "unreadable" }],
];

test.each(cases)("%s", (line, event) => {
  expect(parseLog(`${line}\n`)).toEqual([{ ...event, line: 1 }]);
});

test("numbers lines as an editor does, and skips blank ones", () => {
  expect(parseLog("[00:00] <a> one\r\n\n[00:00] <a> two\n").map(({ line }) => line)).toEqual([1, 3]);
});
