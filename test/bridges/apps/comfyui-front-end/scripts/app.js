// What extensions use of ComfyUI's front end.
const checkpointLoader = (id, value) => ({
  id,
  widgets: [{ name: 'ckpt_name', value, options: { values: [value] } }],
});

export const app = {
  commands: {},
  refreshes: 0,
  captures: 0,
  canvas: { selected_nodes: {} },
  graph: { nodes: [checkpointLoader(1, 'original.safetensors'), { id: 2 }] },
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
