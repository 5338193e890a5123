// Loaded by ComfyUI's page: the sidebar tab, its command, and new models in the open workflow.
import { app } from '../../scripts/app.js';

const TAB_ID = 'erase-concept';
const TITLE = 'Erase Concept';
const CHECKPOINT_WIDGET = 'ckpt_name';
const LORA_WIDGET = 'lora_name';
const LORA_STRENGTH_WIDGET = 'strength_model';
const LORA_LOADER = 'LoraLoaderModelOnly';
/** Below the checkpoint loader, in the graph's units: its title is above a node. */
const LORA_DISTANCE = 60;
const LIST_INTERVAL_MS = 10_000;

// Relative to ComfyUI's page, which a reverse proxy may serve from a folder.
const pageUrl = new URL('erase-concept/', document.baseURI);

app.registerExtension({
  name: 'EraseConcept',
  commands: [
    { id: 'EraseConcept.Open', label: `${TITLE}: open`, function: openTab },
    {
      id: 'EraseConcept.UseModel',
      label: `${TITLE}: put the model in use into this workflow`,
      function: useActiveModel,
    },
  ],
  menuCommands: [
    { path: ['Extensions', TITLE], commands: ['EraseConcept.Open', 'EraseConcept.UseModel'] },
  ],
  setup() {
    // Old front ends have no sidebar; the page is a link away from them.
    app.extensionManager?.registerSidebarTab?.({
      id: TAB_ID,
      icon: 'pi pi-eraser',
      title: TITLE,
      tooltip: TITLE,
      type: 'custom',
      render: showPage,
      destroy: hidePage,
    });
    addEventListener('message', ({ origin, data }) => {
      if (origin !== location.origin) return;
      if (data?.type === 'erase-concept:model') void useModel(data.model, data.replaces);
      if (data?.type === 'erase-concept:lora') void useLora(data.lora, data.strength);
    });
    watchCheckpoints();
  },
});

function openTab() {
  const { sidebarTab } = app.extensionManager ?? {};
  if (!sidebarTab?.toggleSidebarTab) open(pageUrl);
  else if (sidebarTab.activeSidebarTabId !== TAB_ID) sidebarTab.toggleSidebarTab(TAB_ID);
}

let frame = null;

/** Called each time the tab is shown, and again while it is. */
function showPage(element) {
  frame ??= makeFrame();
  element.style.height = '100%';
  // Called before the element is in the document.
  queueMicrotask(() => {
    if (frame.parentElement === element) return;
    moveFrame(element);
    frame.hidden = false;
  });
}

/** Called before the tab's element is taken away: the page would be lost, with what is filled in. */
function hidePage() {
  if (!frame?.isConnected) return;
  frame.hidden = true;
  moveFrame(document.body);
}

function moveFrame(parent) {
  if (frame.isConnected && parent.isConnected && parent.moveBefore) parent.moveBefore(frame, null);
  else parent.append(frame);
}

function makeFrame() {
  const made = document.createElement('iframe');
  made.title = TITLE;
  made.src = new URL(`?theme=${themeOfHost()}`, pageUrl);
  made.style = 'width: 100%; height: 100%; border: 0';
  letDragsPass(made);
  followTheme(made);
  return made;
}

/** What is dragged over a frame, such as the edge of the sidebar, is lost to the page around it. */
function letDragsPass(over) {
  const set = (pointerEvents) => () => (over.style.pointerEvents = pointerEvents);
  addEventListener('pointerdown', set('none'), true);
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, set('auto'), true);
}

function followTheme(inner) {
  const follow = () => {
    const root = inner.contentDocument?.documentElement;
    if (root) root.dataset.theme = themeOfHost();
  };
  inner.addEventListener('load', follow);
  const observer = new MutationObserver(follow);
  observer.observe(document.body, { attributeFilter: ['class'] });
  observer.observe(document.documentElement, { attributeFilter: ['style'] });
}

function themeOfHost() {
  // As old front ends say it, and as new ones do.
  const isDark =
    document.body.classList.contains('dark-theme') ||
    getComputedStyle(document.documentElement).colorScheme === 'dark';
  return isDark ? 'dark' : 'light';
}

/** Has new checkpoints offered in every loader: ComfyUI lists them at once, its page does not. */
function watchCheckpoints() {
  let known = null;
  const look = async () => {
    if (document.hidden) return;
    const answer = await fetch(new URL('api/models/checkpoints', document.baseURI));
    if (!answer.ok) return;
    const names = await answer.json();
    const hasNew = known !== null && names.some((name) => !known.has(name));
    known = new Set(names);
    if (hasNew) await app.refreshComboInNodes();
  };
  // ComfyUI may be starting again; the next look will tell.
  setInterval(() => look().catch(() => undefined), LIST_INTERVAL_MS);
  look().catch(() => undefined);
}

async function useActiveModel() {
  const answer = await fetch(new URL('api/models', pageUrl));
  const models = answer.ok ? await answer.json() : [];
  const active = models.find(({ isActive }) => isActive);
  if (active) await useModel(active.name, null);
  else tell('warn', 'No model is in use yet. Press "Use this model" at a finished erasure first.');
}

/**
 * Puts a model into the loaders of the open workflow: the selected ones, else those of the model
 * that it replaces, else the only one there is.
 */
async function useModel(model, replaces) {
  await app.refreshComboInNodes();
  const loaders = allNodes(app.graph).filter((node) => widgetOf(node));
  // Nodes of two subgraphs may have the same id.
  const selected = loaders.filter((node) => app.canvas?.selected_nodes?.[node.id] === node);
  const replaced = loaders.filter((node) => widgetOf(node).value === replaces);
  const chosen = [selected, replaced, loaders].find(({ length }) => length > 0) ?? [];
  if (chosen === loaders && loaders.length > 1) {
    tell('warn', `Several loaders could take ${model}. Select one and run the command again.`);
    return;
  }
  for (const node of chosen) {
    const widget = widgetOf(node);
    widget.value = model;
    widget.callback?.(model);
    node.setDirtyCanvas?.(true, true);
  }
  noteChange();
  if (chosen.length === 0) tell('warn', `There is no checkpoint loader to put ${model} into.`);
  else tell('success', `${model} is in this workflow now.`);
}

/** Puts a LoRA between a checkpoint loader of the open workflow and all that takes its model. */
async function useLora(lora, strength = 1) {
  await app.refreshComboInNodes();
  const nodes = allNodes(app.graph);
  const present = nodes.find((node) => widgetOf(node, LORA_WIDGET)?.value === lora);
  if (present) return tell('info', `${lora} is in this workflow already.`);
  const loaders = nodes.filter((node) => widgetOf(node) && modelOutput(node) >= 0);
  const selected = loaders.filter((node) => app.canvas?.selected_nodes?.[node.id] === node);
  const [loader, ...others] = selected.length > 0 ? selected : loaders;
  if (!loader) return tell('warn', `There is no checkpoint loader to put ${lora} behind.`);
  if (others.length > 0) {
    return tell('warn', `${lora} could go behind several loaders. Select one and try again.`);
  }
  insertBehind(loader, lora, strength);
  noteChange();
  return tell('success', `${lora} is in this workflow now, with strength ${strength}.`);
}

function insertBehind(loader, lora, strength) {
  const graph = loader.graph ?? app.graph;
  const output = modelOutput(loader);
  const targets = (loader.outputs[output].links ?? []).map((id) => linkOf(graph, id));
  const node = LiteGraph.createNode(LORA_LOADER);
  const [x, y] = loader.pos;
  node.pos = [x, y + loader.size[1] + LORA_DISTANCE];
  graph.add(node);
  const widget = widgetOf(node, LORA_WIDGET);
  widget.value = lora;
  widget.callback?.(lora);
  const strengthWidget = widgetOf(node, LORA_STRENGTH_WIDGET);
  if (strengthWidget) strengthWidget.value = strength;
  loader.connect(output, node, 0);
  for (const { target_id: id, target_slot: slot } of targets) {
    node.connect(0, graph.getNodeById(id), slot);
  }
  node.setDirtyCanvas?.(true, true);
}

/** Older front ends keep links by their ids in an object, newer ones in a map. */
function linkOf(graph, id) {
  return graph.links.get?.(id) ?? graph.links[id];
}

function modelOutput(node) {
  return node.outputs?.findIndex(({ type }) => type === 'MODEL') ?? -1;
}

/** Else it is no change to be undone or saved until something else in the workflow changes. */
function noteChange() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  // Its new name, and the old one.
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.();
}

/** The nodes of a graph and of its subgraphs. */
function allNodes(graph) {
  return (graph?.nodes ?? graph?._nodes ?? []).flatMap((node) => [
    node,
    ...(node.subgraph ? allNodes(node.subgraph) : []),
  ]);
}

function widgetOf(node, wanted = CHECKPOINT_WIDGET) {
  return node.widgets?.find(({ name }) => name === wanted);
}

function tell(severity, detail) {
  app.extensionManager?.toast?.add({ severity, summary: TITLE, detail, life: 6000 });
}
