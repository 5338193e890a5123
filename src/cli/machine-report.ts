import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

import { freeDiskBytes } from '../checkpoint/disk-space.ts';
import {
  findHosts,
  type FoundHost,
  type HostAccess,
  lookAtHost,
  usualAddresses,
} from '../hosts/find-hosts.ts';
import { bundledDevices, runtimeVersion, unbundledDevices } from '../runtime/backends.ts';
import { probeDevice, type ProbeResult } from '../runtime/probe-device.ts';
import { appVersion } from '../version.ts';
import { formatTable } from '../format.ts';
import { formatBytes } from '../format-bytes.ts';

/** What a machine has to train on; plain data for JSON. */
interface MachineReport {
  readonly versions: {
    readonly eraseConcept: string;
    readonly node: string;
    readonly onnxruntime: string;
  };
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly data: { readonly folder: string; readonly freeBytes: number };
  readonly devices: readonly (ProbeResult & { readonly name: string })[];
  /** Known to the runtime, but their libraries are not in its package. */
  readonly notInstalled: readonly string[];
  /** Web UIs that run. */
  readonly hosts: readonly FoundHost[];
}

/**
 * Looks at this machine and its web UIs, and tries every device of the runtime's package.
 *
 * @param url of the web UI to look at; null for those at the usual addresses
 */
export async function examineMachine(url: URL | null, access: HostAccess): Promise<MachineReport> {
  const { dataFolder } = access;
  const devices: (ProbeResult & { name: string })[] = [];
  // One after another: they are compared by time.
  for (const name of bundledDevices()) devices.push({ name, ...(await probeDevice(name)) });
  return {
    versions: {
      eraseConcept: appVersion,
      node: process.versions.node,
      onnxruntime: runtimeVersion(),
    },
    platform: `${process.platform} ${process.arch}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    data: { folder: dataFolder, freeBytes: await freeDiskBytes(dataFolder) },
    devices,
    notInstalled: unbundledDevices(),
    hosts: url ? [await lookAtHost(url, access)] : await findHosts(usualAddresses, access),
  };
}

/** The report as a table for people. */
export function describeMachine({
  versions,
  platform,
  cpu,
  memory,
  data,
  ...report
}: MachineReport): string {
  return formatTable([
    ['erase-concept', versions.eraseConcept],
    ['Node.js', `${versions.node} (${platform})`],
    ['ONNX Runtime', versions.onnxruntime],
    ['CPU', `${cpu.model}, ${cpu.cores} cores`],
    ['memory', `${formatBytes(memory.totalBytes)}, ${formatBytes(memory.freeBytes)} free`],
    ['data', `${data.folder}, ${formatBytes(data.freeBytes)} free`],
    ...report.devices.map((device) => [
      `device ${device.name}`,
      device.works
        ? `works, ${device.milliseconds.toFixed(1)} ms for a test convolution`
        : `does not work: ${device.reason}`,
    ]),
    ...report.notInstalled.map((name) => [
      `device ${name}`,
      'not in the onnxruntime-node package; its libraries must be installed first',
    ]),
    ...report.hosts.map((host) => [`web UI ${host.url}`, describeHost(host)]),
  ]);
}

function describeHost({ kind, name, models, activeModel, problem }: FoundHost): string {
  if (problem) return problem.message;
  return `${name ?? kind}, ${models} model${models === 1 ? '' : 's'}, in use: ${activeModel ?? 'none was chosen'}`;
}
