/** How items become elements. */
interface Drawing<T> {
  readonly key: (item: T) => string;
  /** An element for an item that is not there yet. `update` is called for it as well. */
  readonly create: (item: T) => HTMLElement;
  /** Brings an element up to date. */
  readonly update: (node: HTMLElement, item: T) => void;
}

/**
 * Keeps the children of an element in step with a list: what stays is not touched, so that focus,
 * selection and a screen reader's place stay where they are.
 */
export function keyedChildren<T>(
  parent: HTMLElement,
  { key, create, update }: Drawing<T>,
): (items: readonly T[]) => void {
  let nodes = new Map<string, HTMLElement>();

  return (items) => {
    const focused = document.activeElement;
    const before = nodes;
    nodes = new Map();
    for (const item of items) {
      const node = before.get(key(item)) ?? create(item);
      before.delete(key(item));
      update(node, item);
      nodes.set(key(item), node);
    }
    for (const gone of before.values()) gone.remove();
    let next = parent.firstElementChild;
    for (const node of nodes.values()) {
      if (node === next) next = next.nextElementSibling;
      else parent.insertBefore(node, next);
    }
    // An element that is moved loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused))
      focused.focus();
  };
}
