import { AppError } from '../../errors.ts';
import {
  findMethod,
  hasSetting,
  type MethodId,
  methodIds,
  type WantedSettings,
} from '../../methods/registry.ts';
import type { Preset } from '../../presets/preset.ts';

// What a request says against what its method reads.

/** Folders of pictures that a request gives. */
interface GivenPictures {
  readonly forgetImages?: string | undefined;
  readonly retainImages?: string | undefined;
  readonly concepts?: readonly { readonly images?: string | undefined }[];
}

/** What was asked for and changes nothing, in a sentence; none where all counts. */
export function unreadSettings(
  method: MethodId,
  { settings }: { readonly settings: WantedSettings },
  preset: Preset | undefined,
): string[] {
  const unread = findMethod(method).flat?.unread({ ...preset?.settings, ...settings });
  return unread == null ? [] : [unread];
}

/** Pictures that are given to a method that does not look at them, in a sentence. */
export function unseenPictures(
  method: MethodId,
  { forgetImages, retainImages }: GivenPictures,
): string[] {
  const { pictures, words } = findMethod(method);
  const given = [
    ...(forgetImages !== undefined && !pictures.includes('forget') ? ['to forget'] : []),
    ...(retainImages !== undefined && !pictures.includes('retain') ? ['to keep'] : []),
  ];
  if (given.length === 0) return [];
  return [
    `${words.name} goes by prompts alone: of the pictures ${given.join(' and ')} only the captions count.`,
  ];
}

/** @throws AppError `image.none` where the method forgets given pictures, and none are */
export function requirePictures(
  method: MethodId,
  { forgetImages, concepts = [] }: GivenPictures,
): void {
  if (forgetImages !== undefined || findMethod(method).forgets !== 'pictures') return;
  if (concepts.length > 0 && concepts.every(({ images }) => images !== undefined)) return;
  const others = methodIds.filter((id) => findMethod(id).forgets !== 'pictures');
  throw new AppError(
    'image.none',
    `the method ${method} forgets the very pictures that it is given, and none are. Use the method ${others.join(' or ')}, or`,
    { remedy: { advice: 'give them', settings: [{ setting: 'forgetImages' }] } },
  );
}

/** @throws AppError `settings.invalid` where a setting is asked for that the method does not have */
export function requireOfMethod(method: MethodId, wanted: WantedSettings): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined || hasSetting(method, name)) continue;
    const owners = methodIds.filter((id) => hasSetting(id, name));
    // What is no method's at all, like a preset's reason, is none of a method's business.
    if (owners.length === 0) continue;
    throw new AppError(
      'settings.invalid',
      `${name} is a setting of the ${ownersInWords(owners)}; this erasure uses ${method}. Leave it out, or choose ${owners.length === 1 ? 'the other method' : 'one of these'}.`,
    );
  }
}

function ownersInWords(owners: readonly MethodId[]): string {
  const [last, ...others] = owners.toReversed();
  if (others.length === 0) return `method ${last ?? ''}`;
  return `methods ${others.toReversed().join(', ')} and ${last ?? ''}`;
}
