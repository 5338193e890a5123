import { intAttribute, type VjpRule } from '../vjp-rule.ts';

/**
 * Z = α·A′·B′ + β·C with A′ = A or Aᵀ, B′ = B or Bᵀ;
 * Ā′ = α·Z̄·B′ᵀ, B̄′ = α·A′ᵀ·Z̄, C̄ = β·Z̄
 */
export const gemm: VjpRule = ({ g, node, ct, input }) => {
  const transA = intAttribute(node, 'transA', 0);
  const transB = intAttribute(node, 'transB', 0);
  const alpha = intAttribute(node, 'alpha', 1);
  const beta = intAttribute(node, 'beta', 1);
  return [
    () =>
      transA
        ? g.op('Gemm', [input(1), ct], { alpha, transA: transB, transB: 1 })
        : g.op('Gemm', [ct, input(1)], { alpha, transA: 0, transB: 1 - transB }),
    () =>
      transB
        ? g.op('Gemm', [ct, input(0)], { alpha, transA: 1, transB: transA })
        : g.op('Gemm', [input(0), ct], { alpha, transA: 1 - transA, transB: 0 }),
    () => (beta === 1 ? ct : g.mul(ct, g.scalar(beta, ct))),
  ];
};
