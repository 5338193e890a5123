// What extensions use of ComfyUI's front end.
const checkpointLoader = (id, value) => ({
  id,
  ...{ pos: [0, 0], size: [100, 50] },
  outputs: [{ type: 'MODEL', links: [1] }, { type: 'CLIP' }],
  widgets: [{ name: 'ckpt_name', value, options: { values: [value] } }],
  connect,
});

/** As LiteGraph does: an input has one link, an output any number. */
function connect(slot, target, targetSlot) {
  const { links } = app.graph;
  for (const [id, link] of Object.entries(links)) {
    if (link.target_id !== target.id || link.target_slot !== targetSlot) continue;
    const output = app.graph.getNodeById(link.origin_id).outputs[link.origin_slot];
    output.links = output.links.filter((known) => known !== Number(id));
    delete links[id];
  }
  const id = Math.max(0, ...Object.keys(links)) + 1;
  links[id] = {
    ...{ origin_id: this.id, origin_slot: slot },
    ...{ target_id: target.id, target_slot: targetSlot },
  };
  (this.outputs[slot].links ??= []).push(id);
}

globalThis.LiteGraph = {
  createNode: (type) => ({
    type,
    outputs: [{ type: 'MODEL' }],
    widgets: [{ name: 'lora_name' }, { name: 'strength_model', value: 1 }],
    connect,
  }),
};

export const app = {
  commands: {},
  refreshes: 0,
  captures: 0,
  canvas: { selected_nodes: {} },
  graph: {
    nodes: [checkpointLoader(1, 'original.safetensors'), { id: 2 }],
    links: { 1: { origin_id: 1, origin_slot: 0, target_id: 2, target_slot: 0 } },
    add(node) {
      node.id = this.nodes.length + 1;
      this.nodes.push(node);
    },
    getNodeById(id) {
      return this.nodes.find((node) => node.id === id);
    },
  },
  extensionManager: {
    registerSidebarTab({ title, render, destroy }) {
      const button = document.createElement('button');
      button.textContent = title;
      // Shown and hidden by turns, each time in an element that is not yet in the document.
      button.onclick = () => {
        const shown = document.querySelector('#sidebar > div');
        if (shown) {
          destroy();
          shown.remove();
          return;
        }
        const element = document.createElement('div');
        render(element);
        document.querySelector('#sidebar').append(element);
      };
      document.querySelector('nav').append(button);
    },
    workflow: {
      activeWorkflow: { changeTracker: { captureCanvasState: () => (app.captures += 1) } },
    },
    toast: {
      add({ detail }) {
        document.querySelector('output').textContent = detail;
      },
    },
  },
  registerExtension(extension) {
    for (const command of extension.commands ?? []) app.commands[command.id] = command.function;
    extension.setup?.();
  },
  async refreshComboInNodes() {
    app.refreshes += 1;
  },
};

globalThis.app = app;
