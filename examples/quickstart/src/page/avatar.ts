/** Shows the first letters of a name on a colour of its own. */
export function drawAvatar(target: HTMLElement, id: string, name: string): void {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const letters = words.slice(0, 2).map((word) => [...word][0] ?? "");
  target.textContent = letters.join("").toUpperCase() || "#";
  let hash = 0;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  target.style.setProperty("--hue", String(hash));
}
