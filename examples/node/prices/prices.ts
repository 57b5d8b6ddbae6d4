/** Sums up an order: `[{"name": "tea", "count": 2}]`. */
import { type Line, priceOf } from './catalogue.ts';

interface Context {
  request: { body: Line[] };
}

interface Answer {
  status: number;
  body: { total: string } | string;
}

export async function order({ request }: Context): Promise<Answer> {
  if (!Array.isArray(request.body)) return { status: 400, body: 'a list of lines is needed\n' };
  const cents = request.body.reduce((sum: number, line: Line) => sum + priceOf(line), 0);
  return { status: 200, body: { total: (cents / 100).toFixed(2) } };
}
