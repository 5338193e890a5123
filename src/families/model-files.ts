import type { SafetensorsFile } from '../checkpoint/safetensors-reader.ts';
import type { ModelFolder } from './folder/model-folder.ts';

/** A model in either of the layouts that hosts take, open for reading. */
export type ModelFiles = SafetensorsFile | ModelFolder;
