import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Beginnings of the paths of what trains for long, opens a browser or starts many processes, the slowest
 * first. `npm run test:fast` leaves them out.
 */
export const slowTests = [
  'test/cli/serve.',
  'test/browser/',
  'test/hosts/pictures.',
  'test/jobs/shared/',
  'test/cli/sweep.',
  'test/jobs/kill-and-resume.',
  'test/cli/erase',
  'test/jobs/estimate.',
  'test/methods/outer-step-webgpu.',
  'test/cli/closed-terminals.',
  'test/bridges/',
  'test/adapters/low-rank-job.',
  'test/erase/diffusers-folder.',
  'test/cli/diffusers-folder.',
  'test/adapters/contract.',
  'test/cli/families.',
  'test/pipeline/pruned-unets.',
  'test/hosts/recorded.',
  'test/methods/siss.',
  'test/jobs/host-pictures.',
  'test/cli/evaluate.',
  'test/cli/prediction.',
  'test/cli/outputs.',
  'test/runtime/webgpu.',
  'test/cli/siss.',
  'test/cli/doctor.',
  'test/hosts/sidecar.',
  'test/routes/',
  'test/jobs/training-process.',
  'test/training/previews.',
  'test/attacks/attack.',
  'test/erase/picture-shapes.',
  'test/methods/erasediff-golden.',
  'test/evaluation/evaluate.',
  'test/families/vae-overflow.',
  'test/hosts/strength.',
  'test/cli/knows.',
  'test/jobs/attacks.',
  'test/pipeline/float16-webgpu.',
  'test/erase/several-concepts.',
  'test/erase/evaluate-result.',
  'test/hosts/vaes.',
  'test/erase/drawn-sets.',
  'test/families/ddpm/erase.',
  'test/jobs/knowledge.',
  'test/jobs/one-road.',
  'test/hosts/loras.',
  'test/package.',
] as const;

/** Starts the slow ones first, so that none of them runs alone at the end, beside an idle core. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }
}

/** The place among the slow ones; all others come after these. */
function rankOf({ moduleId }: TestSpecification): number {
  const rank = slowTests.findIndex((start) => moduleId.includes(`/${start}`));
  return rank < 0 ? slowTests.length : rank;
}
