/** Plain or momentum gradient descent; torch.optim.SGD without dampening or Nesterov. */
export interface SgdSettings {
  readonly kind: 'sgd';
  readonly momentum: number;
  readonly weightDecay: number;
}

/** Adam (weight decay added to the gradient) or AdamW (decoupled), as torch.optim has them. */
export interface AdamSettings {
  readonly kind: 'adam' | 'adamw';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export type OptimizerSettings = SgdSettings | AdamSettings;

/** Names of the tensors that an optimizer keeps for each parameter between steps. */
export function momentNames(settings: OptimizerSettings): readonly string[] {
  if (settings.kind === 'sgd') return settings.momentum === 0 ? [] : ['momentum'];
  return ['mean', 'square'];
}

/**
 * The scalars that one step feeds to the update graph.
 * @param step 1 for the first step of this optimizer state
 */
export function stepScalars(
  settings: OptimizerSettings,
  learningRate: number,
  step: number,
): { rate: number; squareCorrection: number } {
  if (settings.kind === 'sgd') return { rate: learningRate, squareCorrection: 1 };
  return {
    rate: learningRate / (1 - settings.beta1 ** step),
    squareCorrection: 1 / Math.sqrt(1 - settings.beta2 ** step),
  };
}
