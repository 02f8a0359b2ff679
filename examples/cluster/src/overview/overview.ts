import type { ServerView } from "./overview-service.js";

const INTERVAL = 500;
const EVENTS = 12;

const list = document.querySelector("#servers")!;
const events = document.querySelector("#events")!;
const template = document.querySelector<HTMLTemplateElement>("#server")!;
/** What was shown last, by server. */
const shown = new Map<string, ServerView>();

function cardOf({ serverId }: ServerView): HTMLElement {
  const known = document.getElementById(serverId);
  if (known !== null) return known;
  const card = template.content.firstElementChild!.cloneNode(true) as HTMLElement;
  card.id = serverId;
  card.querySelector("h2")!.textContent = serverId;
  card.addEventListener("click", ({ target }) => {
    const action = target instanceof HTMLElement ? target.dataset["action"] : undefined;
    if (action === undefined) return;
    void fetch(`servers/${serverId}/${action}`, { method: "POST", headers: { "x-cluster": "1" } });
  });
  list.append(card);
  return card;
}

function draw(server: ServerView, canAct: boolean): void {
  const card = cardOf(server);
  const { state, pid, role, users } = server;
  card.dataset["state"] = state;
  const carries = role === "chat" ? `carries ${users.length}` : "HTTP only";
  card.querySelector(".state")!.textContent = state === "gone" ? "gone" : `${state}, pid ${pid}, ${carries}`;
  card.querySelector("ul")!.replaceChildren(
    ...users.map((user) => {
      const item = document.createElement("li");
      item.textContent = user;
      return item;
    }),
  );
  for (const button of card.querySelectorAll("button")) {
    button.hidden = !canAct || (button.dataset["action"] === "start") !== (state === "gone");
  }
}

function tell(server: ServerView): void {
  const before = shown.get(server.serverId);
  shown.set(server.serverId, server);
  if (before === undefined) return;
  const sentences = before.state === server.state ? [] : [`${server.serverId} is ${server.state}.`];
  for (const user of server.users) {
    if (!before.users.includes(user)) sentences.push(`${user} is carried by ${server.serverId}.`);
  }
  for (const sentence of sentences) {
    const item = document.createElement("li");
    item.textContent = `${new Date().toLocaleTimeString()}  ${sentence}`;
    events.prepend(item);
  }
  while (events.children.length > EVENTS) events.lastElementChild!.remove();
}

async function look(): Promise<void> {
  try {
    const answer = await fetch("status");
    const { canAct, servers } = (await answer.json()) as { canAct: boolean; servers: ServerView[] };
    for (const server of servers) {
      draw(server, canAct);
      tell(server);
    }
  } catch {
    // The proxy is away; the next look may find it.
  }
  setTimeout(() => void look(), INTERVAL);
}

void look();
