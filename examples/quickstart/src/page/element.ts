/**
 * What an element is given besides its tag. Text is always set as text: nothing that a user wrote is ever
 * read as HTML.
 */
interface Properties {
  readonly class?: string;
  readonly text?: string;
  readonly testId?: string;
  /** Text that users wrote: it may run from right to left, whatever stands around it. */
  readonly isolated?: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Makes an element. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { class: className, text, testId, isolated, attributes = {} }: Properties = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== undefined) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (testId !== undefined) made.dataset["testid"] = testId;
  if (isolated) made.dir = "auto";
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** One of the icons in index.html. */
export function icon(
  name: "bell-off" | "bin" | "block" | "clock" | "tick" | "ticks" | "warning" | "close",
): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** An element of index.html. @throws Error if there is none, or it is of another type */
export function byId<T extends Element>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return found;
}

/** Sets text only where it differs, so that a screen reader is not told again what it knows. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
