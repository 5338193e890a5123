/**
 * Ends this process when the one that started it is gone: nobody is left to answer. Not by an ordinary
 * exit, in which native code that is at work crashes.
 */
export function endWithParent(): void {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}
