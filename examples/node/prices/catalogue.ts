/** What things cost, in cents. */
export type Line = { name: string; count: number };

const prices: Record<string, number> = { tea: 320, cake: 450 };

export function priceOf(line: Line): number {
  const price: number | undefined = prices[line.name];
  if (price === undefined) throw new Error(`nothing is called ${line.name}`);
  return price * line.count;
}
