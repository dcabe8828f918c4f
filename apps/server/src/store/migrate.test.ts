import { expect, test } from "vitest";
import { splitStatements } from "./migrate.ts";

test("statements are split outside quotes, comments and function bodies", () => {
  const text = `
    -- a; comment
    create table a (b text default ';');
    /* ; */ create function f() returns int language plpgsql as $$ begin return 1; end $$;
    create function g() returns int language sql as $body$ select 1; $body$;
    select "odd;name", 'it''s;' ;
    -- the end;
  `;
  const statements = splitStatements(text).map((statement) => statement.trim());
  expect(statements).toHaveLength(4);
  expect(statements[1]).toMatch(/return 1; end \$\$$/);
  expect(statements[3]).toBe(`select "odd;name", 'it''s;'`);
});
