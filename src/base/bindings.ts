/**
 * Durable Object bindings by name, placed where the settings say: in a jurisdiction for good, or near a place when an
 * object is made. https://developers.cloudflare.com/durable-objects/reference/data-location/
 */

/** The settings of this file. */
export interface PlacementEnv {
  /** Where objects live for good: "eu", "us", "fedramp" or "fedramp-high". Set it before anybody comes: what is elsewhere is not found. */
  readonly JURISDICTION?: string;
  /** Near where objects are made, such as "weur" or "apac". */
  readonly LOCATION_HINT?: string;
}

/** The namespace that is bound as `name`, or undefined. `env` is what the platform passes to a Worker or an object. */
export function objectNamespace<T extends Rpc.DurableObjectBranded | undefined>(
  env: unknown,
  name: string,
): DurableObjectNamespace<T> | undefined {
  const namespace = (env as Readonly<Record<string, DurableObjectNamespace<T> | undefined>>)[name];
  return namespace && withPlacement(env as PlacementEnv, namespace);
}

/** The namespace whose objects live where the settings say. Ids of one jurisdiction do not exist in another. */
export function withPlacement<T extends Rpc.DurableObjectBranded | undefined>(
  { JURISDICTION = "", LOCATION_HINT = "" }: PlacementEnv,
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  const inJurisdiction =
    JURISDICTION === ""
      ? namespace
      : namespace.jurisdiction(JURISDICTION as DurableObjectJurisdiction);
  if (LOCATION_HINT === "") return inJurisdiction;
  const locationOption = { locationHint: LOCATION_HINT as DurableObjectLocationHint };
  return {
    newUniqueId: (options) => inJurisdiction.newUniqueId(options),
    idFromName: (name) => inJurisdiction.idFromName(name),
    idFromString: (id) => inJurisdiction.idFromString(id),
    get: (id, options) => inJurisdiction.get(id, { ...locationOption, ...options }),
    getByName: (name, options) => inJurisdiction.getByName(name, { ...locationOption, ...options }),
    jurisdiction: (name) => inJurisdiction.jurisdiction(name),
  };
}
