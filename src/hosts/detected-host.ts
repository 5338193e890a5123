import type { DrawingGuess } from '../drawing/drawing-guess.ts';
import type { Host, HostFile, HostModel, HostPicture, HostVae, PictureRequest } from './host.ts';

/** A web UI that may start later than the sidecar: what it is is found out once it answers. */
export class DetectedHost implements Host {
  /** As all web UIs. */
  readonly canDraw = true;
  private readonly detect: () => Promise<Host>;
  private found: Host | null = null;

  constructor(detect: () => Promise<Host>) {
    this.detect = detect;
  }

  get kind(): string {
    return this.found?.kind ?? 'unknown';
  }

  async name(): Promise<string> {
    return (await this.host()).name();
  }

  async isReachable(): Promise<boolean> {
    const host = await this.host().catch(() => null);
    return (await host?.isReachable()) ?? false;
  }

  async listModels(): Promise<readonly HostModel[]> {
    return (await this.host()).listModels();
  }

  async refresh(): Promise<void> {
    await (await this.host()).refresh();
  }

  resultFolder(model: HostModel): string {
    if (!this.found) throw new Error('a model of a host that was not found');
    return this.found.resultFolder(model);
  }

  async loraFolder(): Promise<string | null> {
    return (await this.host()).loraFolder();
  }

  async listLoras(): Promise<readonly HostFile[]> {
    return (await this.host()).listLoras();
  }

  async listEmbeddings(): Promise<readonly HostFile[]> {
    return (await this.host()).listEmbeddings();
  }

  async listVaes(): Promise<readonly HostVae[]> {
    return (await this.host()).listVaes();
  }

  async guessDrawing(model: HostModel): Promise<DrawingGuess> {
    return (await this.host()).guessDrawing(model);
  }

  async activeModel(): Promise<string | null> {
    return (await this.host()).activeModel();
  }

  async activate(name: string): Promise<void> {
    await (await this.host()).activate(name);
  }

  async draw(request: PictureRequest, signal?: AbortSignal): Promise<HostPicture | null> {
    return (await this.host()).draw(request, signal);
  }

  async restoreActive(): Promise<void> {
    await (await this.host()).restoreActive();
  }

  async isBusy(): Promise<boolean> {
    return (await this.host()).isBusy();
  }

  async freeMemory(): Promise<void> {
    await (await this.host()).freeMemory();
  }

  async reclaimMemory(): Promise<void> {
    await (await this.host()).reclaimMemory();
  }

  private async host(): Promise<Host> {
    this.found ??= await this.detect();
    return this.found;
  }
}
