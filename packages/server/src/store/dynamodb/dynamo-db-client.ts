/** A value as DynamoDB takes it. */
export type AttributeValue = { S: string } | { N: string } | { B: Uint8Array };

/** An item that is written. */
export type Item = Record<string, AttributeValue>;

/** An item that was read. */
export type FoundItem = Record<string, unknown>;

interface Condition {
  ConditionExpression?: string;
  ExpressionAttributeValues?: Item;
  ReturnValuesOnConditionCheckFailure?: "ALL_OLD" | "NONE";
}

/** One write of a transaction. */
export interface TransactWrite {
  Put?: Condition & { TableName: string; Item: Item };
  Update?: Condition & { TableName: string; Key: Item; UpdateExpression: string };
}

/** One write of a batch. */
export interface BatchWrite {
  PutRequest?: { Item: Item };
  DeleteRequest?: { Key: Item };
}

interface CallOptions {
  abortSignal?: AbortSignal;
}

/**
 * What is called of DynamoDB: the class `DynamoDB` of `@aws-sdk/client-dynamodb` (version 3) has all of it. Region, credentials, retries and connections
 * are its own business.
 */
export interface DynamoDbClient {
  getItem(
    input: { TableName: string; Key: Item; ConsistentRead: boolean },
    options?: CallOptions,
  ): Promise<{ Item?: FoundItem | undefined }>;
  query(
    input: {
      TableName: string;
      KeyConditionExpression: string;
      ExpressionAttributeValues: Item;
      ConsistentRead: boolean;
      ScanIndexForward: boolean;
      Limit: number;
    },
    options?: CallOptions,
  ): Promise<{ Items?: FoundItem[] | undefined; LastEvaluatedKey?: object | undefined }>;
  updateItem(
    input: Condition & { TableName: string; Key: Item; UpdateExpression: string },
    options?: CallOptions,
  ): Promise<unknown>;
  transactWriteItems(
    input: { TransactItems: TransactWrite[]; ClientRequestToken: string },
    options?: CallOptions,
  ): Promise<unknown>;
  batchWriteItem(
    input: { RequestItems: Record<string, BatchWrite[]> },
    options?: CallOptions,
  ): Promise<{ UnprocessedItems?: object | undefined }>;
  describeTable(
    input: { TableName: string },
    options?: CallOptions,
  ): Promise<{
    Table?:
      | {
          TableStatus?: string | undefined;
          KeySchema?: { AttributeName?: string | undefined; KeyType?: string | undefined }[] | undefined;
        }
      | undefined;
  }>;
}

/** What {@link createDynamoDbTables} calls beside. */
export interface DynamoDbAdministration extends Pick<DynamoDbClient, "describeTable"> {
  createTable(input: {
    TableName: string;
    AttributeDefinitions: { AttributeName: string; AttributeType: "S" | "N" }[];
    KeySchema: { AttributeName: string; KeyType: "HASH" | "RANGE" }[];
    BillingMode: "PAY_PER_REQUEST";
  }): Promise<unknown>;
}
