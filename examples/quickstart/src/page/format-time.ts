// The page is in English; how hours and dates are written is the reader's.
const locale = navigator.language.startsWith("en") ? navigator.language : "en-GB";
const format = (options: Intl.DateTimeFormatOptions): ((time: number) => string) => {
  const { format: write } = new Intl.DateTimeFormat(locale, options);
  return write;
};

/** 10:45 */
export const timeOfDay = format({ hour: "2-digit", minute: "2-digit" });
/** Monday, 27 June 2005, 10:45 */
export const fullTime = format({ dateStyle: "full", timeStyle: "short" });
const weekday = format({ weekday: "short" });
const date = format({ day: "numeric", month: "short", year: "numeric" });
const longDate = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** The same for all times of one day, here. */
export function dayOf(time: number): string {
  return new Date(time).toDateString();
}

/** Today, Yesterday, Monday, 27 June 2005 */
export function dayLabel(time: number): string {
  const ago = daysAgo(time);
  return ago === 0 ? "Today" : ago === 1 ? "Yesterday" : longDate(time);
}

/** 10:45 today, Mon this week, else 27 Jun 2005 */
export function listTime(time: number): string {
  const ago = daysAgo(time);
  return ago <= 0 ? timeOfDay(time) : ago < 7 ? weekday(time) : date(time);
}

function daysAgo(time: number): number {
  const midnight = (at: Date): number => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(new Date(time))) / 86_400_000);
}
