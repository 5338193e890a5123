import { describe, expect, test } from 'vitest';
import { vjpRules } from '../../src/autodiff/rules/index.ts';
import { checkVjp } from '../helpers/check-vjp.ts';
import { vjpCases } from '../helpers/vjp-cases.ts';

describe.each(Object.entries(vjpCases))(
  'the gradient of %s is that of finite differences',
  (_, cases) => {
    test.each(cases)('$form', async (vjpCase) => {
      await checkVjp(vjpCase);
    });
  },
);

test('every gradient rule has a row, and every row a rule', () => {
  expect(Object.keys(vjpCases).sort()).toEqual(Object.keys(vjpRules).sort());
  expect(Object.values(vjpCases).every((cases) => cases.length > 0)).toBe(true);
});
