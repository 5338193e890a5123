declare module 's3rver' {
  /** What these tests use of it. */
  // eslint-disable-next-line import-x/no-default-export -- as the package has it
  export default class S3rver {
    constructor(options: {
      readonly port: number;
      readonly address: string;
      readonly silent: boolean;
      readonly directory: string;
      readonly configureBuckets: readonly {
        readonly name: string;
        readonly configs: readonly [];
      }[];
    });
    run(): Promise<unknown>;
    close(): Promise<void>;
  }
}
