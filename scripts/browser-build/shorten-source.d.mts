export function sentencesOf(
  text: string,
): readonly { readonly code: string | undefined; readonly sentence: string }[];
