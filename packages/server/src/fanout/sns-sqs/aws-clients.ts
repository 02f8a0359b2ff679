/** Ends a request. */
interface RequestOptions {
  readonly abortSignal: AbortSignal;
}

type Text = string | undefined;

/** What is called of the aggregated client `SNS` of `@aws-sdk/client-sns` (3). */
export interface SnsClient {
  /** Gives the topic that is there already, if there is one. */
  createTopic(input: { Name: string }): Promise<{ readonly TopicArn?: Text }>;
  publishBatch(input: {
    TopicArn: string;
    PublishBatchRequestEntries: {
      Id: string;
      Message: string;
      MessageAttributes: Record<string, { DataType: "String"; StringValue: string }>;
    }[];
  }): Promise<{ readonly Failed?: { readonly Message?: Text; readonly Code: Text }[] | undefined }>;
  subscribe(input: {
    TopicArn: string;
    Protocol: "sqs";
    Endpoint: string;
    Attributes: Record<string, string>;
    ReturnSubscriptionArn: true;
  }): Promise<{ readonly SubscriptionArn?: Text }>;
  listSubscriptionsByTopic(input: { TopicArn: string; NextToken?: string }): Promise<{
    readonly Subscriptions?: { readonly Endpoint?: Text; readonly SubscriptionArn?: Text }[] | undefined;
    readonly NextToken?: Text;
  }>;
  unsubscribe(input: { SubscriptionArn: string }, options: RequestOptions): Promise<unknown>;
}

/** What is called of the aggregated client `SQS` of `@aws-sdk/client-sqs` (3). */
export interface SqsClient {
  createQueue(input: { QueueName: string; Attributes: Record<string, string> }): Promise<{
    readonly QueueUrl?: Text;
  }>;
  getQueueAttributes(input: { QueueUrl: string; AttributeNames: "QueueArn"[] }): Promise<{
    readonly Attributes?: Partial<Record<string, string>> | undefined;
  }>;
  setQueueAttributes(input: { QueueUrl: string; Attributes: Record<string, string> }): Promise<unknown>;
  listQueues(input: { QueueNamePrefix: string; MaxResults: number; NextToken?: string }): Promise<{
    readonly QueueUrls?: string[] | undefined;
    readonly NextToken?: Text;
  }>;
  receiveMessage(
    input: {
      QueueUrl: string;
      MaxNumberOfMessages: number;
      WaitTimeSeconds: number;
      MessageAttributeNames: string[];
    },
    options: RequestOptions,
  ): Promise<{
    readonly Messages?:
      | {
          readonly Body?: Text;
          readonly ReceiptHandle?: Text;
          readonly MessageAttributes?: Record<string, { readonly StringValue?: Text }> | undefined;
        }[]
      | undefined;
  }>;
  deleteMessageBatch(input: {
    QueueUrl: string;
    Entries: { Id: string; ReceiptHandle: string }[];
  }): Promise<unknown>;
  deleteQueue(input: { QueueUrl: string }, options: RequestOptions): Promise<unknown>;
}
