/**
 * The members of a header that is a list. Split at the commas alone: a pattern that also took the white space around them would look at
 * 16,000 blanks, as a header may hold, for each of them anew.
 */
export function headerList(value: string | null | undefined): readonly string[] {
  return (value ?? "").split(",").map((member) => member.trim());
}
