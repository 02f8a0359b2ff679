/** The types of Express 5 fit what the tests use of Express 4. */
declare module "express-4" {
  export { default } from "express";
}
